/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.c - key, certificate and anchors in the handed directory; see identity.h. Net role.
 * Reads and writes below the directory descriptor only.
 */
#include "agent/net/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"

#define KEY_FILE "key.pem"
#define CERTIFICATE_FILE "certificate.pem"
#define CANDIDATE_FILE "certificate-new.pem"
#define ANCHORS_FILE "anchors.pem"
#define NEW ".new"

#define KEY_CURVE "prime256v1"

static void bio_freep(BIO **bio)
{
	BIO_free(*bio);
}

static void key_freep(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void request_freep(X509_REQ **request)
{
	X509_REQ_free(*request);
}

void identity_done(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
	anchors_done(&identity->anchors);
	*identity = (struct identity){0};
}

/* docs/protocol.md, section 3. */
static int set_device_id(struct identity *identity)
{
	uint8_t digest[SHA256_BYTES];
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(identity->key, &der);
	int r;

	if (n <= 0)
		return -EIO;
	r = sha256(der, (size_t)n, digest);
	OPENSSL_free(der);
	if (r < 0)
		return r;
	hex_encode(digest, DEVICE_ID_BYTES, identity->device_id);
	return 0;
}

int identity_generate(struct identity *ret_identity, struct failure *ret_failure)
{
	_cleanup_(identity_done) struct identity identity = {.key = EVP_EC_gen(KEY_CURVE)};

	if (!identity.key || set_device_id(&identity) < 0)
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the device key could not be made; OpenSSL refuses P-256 or memory is short");
	*ret_identity = identity;
	identity = (struct identity){0};
	return 0;
}

int identity_adopt(struct identity *ret_identity, EVP_PKEY *key, struct failure *ret_failure)
{
	_cleanup_(identity_done) struct identity identity = {.hardware = true};

	if (EVP_PKEY_up_ref(key) == 1)
		identity.key = key;
	if (!identity.key || set_device_id(&identity) < 0)
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the public half of the device key cannot be read from the hardware");
	*ret_identity = identity;
	identity = (struct identity){0};
	return 0;
}

/* UTF8String: PrintableString has no room for every character of a serial number. */
static bool request_add_number(X509_REQ *request, const char *prefix, const char *number)
{
	char text[LIMIT_HARDWARE_BYTES + 8];

	if (!number || !*number)
		return true;
	snprintf(text, sizeof(text), "%s%s", prefix, number);
	return X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_serialNumber,
		       V_ASN1_UTF8STRING, (const unsigned char *)text, -1, -1, 0) == 1;
}

int identity_request(const struct identity *identity, const struct identity_numbers *numbers,
	unsigned char **ret_der, size_t *ret_n_bytes, struct failure *ret_failure)
{
	_cleanup_(request_freep) X509_REQ *request = X509_REQ_new();
	unsigned char *der = NULL;
	int n = -1;

	if (request && X509_REQ_set_version(request, X509_REQ_VERSION_1) &&
		X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC,
			(const unsigned char *)identity->device_id, -1, -1, 0) &&
		(!numbers || (request_add_number(request, "", numbers->serial) &&
				     request_add_number(request, "imei:", numbers->imei))) &&
		X509_REQ_set_pubkey(request, identity->key) &&
		X509_REQ_sign(request, identity->key, EVP_sha256()))
		n = i2d_X509_REQ(request, &der);
	if (n <= 0)
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the certificate request could not be made; memory may be short");
	*ret_der = der;
	*ret_n_bytes = (size_t)n;
	return 0;
}

int identity_set_certificate(struct identity *identity, X509 *certificate)
{
	int64_t from, until;

	if (X509_check_private_key(certificate, identity->key) != 1) {
		ERR_clear_error();
		return -EBADMSG;
	}
	if (certificate_validity(certificate, &from, &until) < 0)
		return -EBADMSG;
	if (!X509_up_ref(certificate))
		return -ENOMEM;
	X509_free(identity->certificate);
	identity->certificate = certificate;
	identity->from_s = from;
	identity->until_s = until;
	return 0;
}

/* An encrypted key must not make OpenSSL ask a terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *userdata)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)userdata;
	return -1;
}

static int read_key(int dir_fd, const char *name, EVP_PKEY **ret_key)
{
	_cleanup_(bio_freep) BIO *bio = NULL;
	_cleanup_(key_freep) EVP_PKEY *key = NULL;
	char *data = NULL, curve[32] = "";
	size_t n, n_curve;
	int r;

	r = fs_read(dir_fd, name, LIMIT_PEM_BYTES, &data, &n);
	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(data, (int)n);
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	secret_free(data, n);
	if (!bio)
		return -ENOMEM;
	if (!key || EVP_PKEY_get_group_name(key, curve, sizeof(curve), &n_curve) != 1 ||
		strcmp(curve, KEY_CURVE) != 0) {
		ERR_clear_error();
		return -EBADMSG;
	}
	*ret_key = TAKE_PTR(key);
	return 0;
}

static int read_certificate(int dir_fd, const char *name, X509 **ret_certificate)
{
	_cleanup_(bio_freep) BIO *bio = NULL;
	_cleanup_free_ char *data = NULL;
	X509 *certificate;
	size_t n;
	int r;

	r = fs_read(dir_fd, name, LIMIT_PEM_BYTES, &data, &n);
	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(data, (int)n);
	if (!bio)
		return -ENOMEM;
	certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (!certificate) {
		ERR_clear_error();
		return -EBADMSG;
	}
	*ret_certificate = certificate;
	return 0;
}

static int read_anchors(int dir_fd, const char *name, struct anchors *ret_anchors)
{
	_cleanup_free_ char *data = NULL;
	size_t n;
	int r;

	r = fs_read(dir_fd, name, LIMIT_PEM_BYTES, &data, &n);
	return r < 0 ? r : anchors_parse(data, n, ret_anchors);
}

/* 0 if the key in that file is the certificate's; -EBADMSG if it is another. */
static int try_key(int dir_fd, const char *name, X509 *certificate, struct identity *identity)
{
	int r;

	EVP_PKEY_free(TAKE_PTR(identity->key));
	r = read_key(dir_fd, name, &identity->key);
	return r < 0 ? r : identity_set_certificate(identity, certificate);
}

/* The key that was opened in hardware, if it is the certificate's. */
static int take_hardware(
	const struct identity_source *source, X509 *certificate, struct identity *identity)
{
	if (EVP_PKEY_up_ref(source->hardware) != 1)
		return -ENOMEM;
	identity->key = source->hardware;
	identity->hardware = true;
	return identity_set_certificate(identity, certificate);
}

/* The key of the certificate; *ret_pending: a crash left its file under the name *.new. */
static int find_key(const struct identity_source *source, X509 *certificate,
	struct identity *identity, bool *ret_pending)
{
	int r;

	*ret_pending = false;
	if (source->hardware)
		return take_hardware(source, certificate, identity);
	r = try_key(source->dir_fd, KEY_FILE, certificate, identity);
	if (r != -EBADMSG && r != -ENOENT)
		return r;
	*ret_pending = try_key(source->dir_fd, KEY_FILE NEW, certificate, identity) == 0;
	return *ret_pending ? 0 : -EBADMSG;
}

/* Finds the files that belong to the certificate; *ret_pending: a crash left some called *.new. */
static int load(const struct identity_source *source, struct identity *identity, bool *ret_pending,
	const char **ret_what)
{
	_cleanup_(certificate_freep) X509 *certificate = NULL;
	int dir_fd = source->dir_fd;
	bool pending;
	int r;

	*ret_what = source->candidate ? CANDIDATE_FILE : CERTIFICATE_FILE;
	r = read_certificate(dir_fd, *ret_what, &certificate);
	if (r < 0)
		return r;
	*ret_what = KEY_FILE;
	r = find_key(source, certificate, identity, &pending);
	if (r < 0)
		return r;
	*ret_what = ANCHORS_FILE;
	r = pending ? read_anchors(dir_fd, ANCHORS_FILE NEW, &identity->anchors) : -ENOENT;
	if (r == -ENOENT)
		r = read_anchors(dir_fd, ANCHORS_FILE, &identity->anchors);
	if (r == 0 && source->n_pins)
		anchors_keep_pinned(&identity->anchors, source->pins, source->n_pins);
	if (r == 0)
		r = set_device_id(identity);
	if (r == 0)
		*ret_pending = pending;
	return r;
}

int identity_load(const struct identity_source *source, struct identity *ret_identity,
	struct failure *ret_failure)
{
	_cleanup_(identity_done) struct identity identity = {0};
	const char *what;
	bool pending;
	int r = load(source, &identity, &pending, &what);

	if (r == -ENOENT && strcmp(what, CERTIFICATE_FILE) == 0)
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the phone has no certificate; enrol it with a ticket");
	if (r == -EBADMSG)
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"%s is damaged or does not belong to the other files of the device's "
			"identity; enrol the phone again with a new ticket",
			what);
	if (r < 0) {
		char text[64];

		snprintf(text, sizeof(text), "cannot read %s of the device's identity", what);
		return failure_errno(ret_failure, NET_STAGE_IDENTITY, r, text);
	}
	*ret_identity = identity;
	identity = (struct identity){0};
	return 0;
}

static int write_new(int dir_fd, const char *name, BIO *bio)
{
	struct fs_owner owner = {geteuid(), getegid(), 0600};
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	return fs_replace(dir_fd, name, data, (size_t)n, &owner);
}

static int write_anchors(int dir_fd, const char *name, const struct anchors *anchors)
{
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_PEM_BYTES};
	struct fs_owner owner = {geteuid(), getegid(), 0600};

	anchors_write(anchors, &text);
	return text.error ? text.error : fs_replace(dir_fd, name, text.data, text.n_bytes, &owner);
}

static int write_certificate(int dir_fd, const char *name, X509 *certificate)
{
	_cleanup_(bio_freep) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || !PEM_write_bio_X509(bio, certificate))
		return -ENOMEM;
	return write_new(dir_fd, name, bio);
}

static int write_all_new(int dir_fd, const struct identity *identity)
{
	/* Secure memory: the buffer is wiped when it is freed. */
	_cleanup_(bio_freep) BIO *key = BIO_new(BIO_s_secmem());
	int r;

	if (!key || !PEM_write_bio_PKCS8PrivateKey(key, identity->key, NULL, NULL, 0, NULL, NULL))
		return -ENOMEM;
	r = write_new(dir_fd, KEY_FILE NEW, key);
	if (r == 0)
		r = write_anchors(dir_fd, ANCHORS_FILE NEW, &identity->anchors);
	if (r == 0)
		r = write_certificate(dir_fd, CERTIFICATE_FILE NEW, identity->certificate);
	return r;
}

static void remove_new(int dir_fd)
{
	fs_remove(dir_fd, CERTIFICATE_FILE NEW);
	fs_remove(dir_fd, ANCHORS_FILE NEW);
	fs_remove(dir_fd, KEY_FILE NEW);
}

/* Gives the *.new files of a committed identity their names; the key last, it tells the state. */
static int rename_rest(int dir_fd)
{
	if (renameat(dir_fd, ANCHORS_FILE NEW, dir_fd, ANCHORS_FILE) < 0 && errno != ENOENT)
		return -errno;
	if (fsync(dir_fd) < 0)
		return -errno;
	if (renameat(dir_fd, KEY_FILE NEW, dir_fd, KEY_FILE) < 0)
		return -errno;
	return fsync(dir_fd) < 0 ? -errno : 0;
}

/* What an earlier crash left: a committed identity is completed, an uncommitted one removed. */
static int settle(int dir_fd)
{
	_cleanup_(identity_done) struct identity old = {0};
	struct identity_source source = {.dir_fd = dir_fd};
	const char *what;
	bool pending = false;
	int r = 0;

	if (load(&source, &old, &pending, &what) == 0 && pending)
		r = rename_rest(dir_fd);
	if (r == 0)
		remove_new(dir_fd);
	return r;
}

/* An identity in a file, beside whatever is there. */
static int store_file(int dir_fd, const struct identity *identity)
{
	int r = write_all_new(dir_fd, identity);

	if (r == 0 && renameat(dir_fd, CERTIFICATE_FILE NEW, dir_fd, CERTIFICATE_FILE) < 0)
		r = -errno;
	if (r < 0) {
		remove_new(dir_fd);
		return r;
	}
	/* Committed: whatever fails from here on, loading finds the new identity. */
	if (fsync(dir_fd) == 0)
		rename_rest(dir_fd);
	return 0;
}

/*
 * An identity whose key is in hardware. That key may be the one of a certificate that is still
 * there, so that the files cannot be told apart by the key: the old certificate goes first, the new
 * one comes last. Nothing is lost: an identity that counts is not enrolled over.
 */
static int store_hardware(int dir_fd, const struct identity *identity)
{
	int r = fs_remove(dir_fd, CERTIFICATE_FILE);

	if (r == 0)
		r = fs_remove(dir_fd, KEY_FILE);
	if (r == 0)
		r = write_anchors(dir_fd, ANCHORS_FILE, &identity->anchors);
	if (r == 0)
		r = write_certificate(dir_fd, CERTIFICATE_FILE, identity->certificate);
	return r;
}

int identity_store(int dir_fd, const struct identity *identity, struct failure *ret_failure)
{
	int r = settle(dir_fd);

	if (r == 0)
		r = fs_remove(dir_fd, CANDIDATE_FILE);
	if (r < 0)
		return failure_errno(ret_failure, NET_STAGE_IDENTITY, r,
			"the files of an interrupted enrolment cannot be put in order");
	r = identity->hardware ? store_hardware(dir_fd, identity) : store_file(dir_fd, identity);
	if (r < 0)
		return failure_errno(ret_failure, NET_STAGE_IDENTITY, r,
			"the new identity could not be stored and the old one stays; is the disk full?");
	return 0;
}

int identity_store_renewed(const struct identity_source *source, const struct anchors *anchors,
	X509 *certificate, struct failure *ret_failure)
{
	int r = source->hardware ? 0 : settle(source->dir_fd);

	if (r == 0)
		r = write_anchors(source->dir_fd, ANCHORS_FILE, anchors);
	if (r == 0 && certificate)
		r = write_certificate(source->dir_fd, CANDIDATE_FILE, certificate);
	if (r < 0)
		return failure_errno(ret_failure, NET_STAGE_IDENTITY, r,
			"the renewed certificate could not be stored and the old one stays; is the "
			"disk full?");
	return 0;
}
