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

int identity_request(const struct identity *identity, unsigned char **ret_der, size_t *ret_n_bytes,
	struct failure *ret_failure)
{
	_cleanup_(request_freep) X509_REQ *request = X509_REQ_new();
	unsigned char *der = NULL;
	int n = -1;

	if (request && X509_REQ_set_version(request, X509_REQ_VERSION_1) &&
		X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC,
			(const unsigned char *)identity->device_id, -1, -1, 0) &&
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

/* Finds the files that belong to certificate.pem; *ret_pending: a crash left some called *.new. */
static int load(int dir_fd, struct identity *identity, bool *ret_pending, const char **ret_what)
{
	_cleanup_(certificate_freep) X509 *certificate = NULL;
	bool pending = false;
	int r;

	*ret_what = CERTIFICATE_FILE;
	r = read_certificate(dir_fd, CERTIFICATE_FILE, &certificate);
	if (r < 0)
		return r;
	*ret_what = KEY_FILE;
	r = try_key(dir_fd, KEY_FILE, certificate, identity);
	if (r == -EBADMSG || r == -ENOENT) {
		pending = try_key(dir_fd, KEY_FILE NEW, certificate, identity) == 0;
		if (!pending)
			return -EBADMSG;
	} else if (r < 0) {
		return r;
	}
	*ret_what = ANCHORS_FILE;
	r = pending ? read_anchors(dir_fd, ANCHORS_FILE NEW, &identity->anchors) : -ENOENT;
	if (r == -ENOENT)
		r = read_anchors(dir_fd, ANCHORS_FILE, &identity->anchors);
	if (r == 0)
		r = set_device_id(identity);
	if (r == 0)
		*ret_pending = pending;
	return r;
}

int identity_load(int dir_fd, struct identity *ret_identity, struct failure *ret_failure)
{
	_cleanup_(identity_done) struct identity identity = {0};
	const char *what;
	bool pending;
	int r = load(dir_fd, &identity, &pending, &what);

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

static int write_all_new(int dir_fd, const struct identity *identity)
{
	/* Secure memory: the buffer is wiped when it is freed. */
	_cleanup_(bio_freep) BIO *key = BIO_new(BIO_s_secmem());
	_cleanup_(bio_freep) BIO *certificate = BIO_new(BIO_s_mem());
	_cleanup_buf_ struct buf anchors = {.max_bytes = LIMIT_PEM_BYTES};
	struct fs_owner owner = {geteuid(), getegid(), 0600};
	int r;

	if (!key || !certificate ||
		!PEM_write_bio_PKCS8PrivateKey(key, identity->key, NULL, NULL, 0, NULL, NULL) ||
		!PEM_write_bio_X509(certificate, identity->certificate))
		return -ENOMEM;
	anchors_write(&identity->anchors, &anchors);
	if (anchors.error)
		return anchors.error;
	r = write_new(dir_fd, KEY_FILE NEW, key);
	if (r == 0)
		r = fs_replace(dir_fd, ANCHORS_FILE NEW, anchors.data, anchors.n_bytes, &owner);
	if (r == 0)
		r = write_new(dir_fd, CERTIFICATE_FILE NEW, certificate);
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
	const char *what;
	bool pending = false;
	int r = 0;

	if (load(dir_fd, &old, &pending, &what) == 0 && pending)
		r = rename_rest(dir_fd);
	if (r == 0)
		remove_new(dir_fd);
	return r;
}

int identity_store(int dir_fd, const struct identity *identity, struct failure *ret_failure)
{
	int r = settle(dir_fd);

	if (r < 0)
		return failure_errno(ret_failure, NET_STAGE_IDENTITY, r,
			"the files of an interrupted enrolment cannot be put in order");
	r = write_all_new(dir_fd, identity);
	if (r == 0 && renameat(dir_fd, CERTIFICATE_FILE NEW, dir_fd, CERTIFICATE_FILE) < 0)
		r = -errno;
	if (r < 0) {
		remove_new(dir_fd);
		return failure_errno(ret_failure, NET_STAGE_IDENTITY, r,
			"the new identity could not be stored and the old one stays; is the disk full?");
	}
	/* Committed: whatever fails from here on, loading finds the new identity. */
	if (fsync(dir_fd) == 0)
		rename_rest(dir_fd);
	return 0;
}
