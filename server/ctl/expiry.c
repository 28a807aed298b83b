/* SPDX-License-Identifier: Apache-2.0 */
/* expiry.c - warnings before something ends; see expiry.h. Runs as the administrator. */
#include "server/ctl/expiry.h"

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "server/ctl/ca.h"
#include "server/ctl/span.h"

#define EXPIRY_HELP_SERVER                                                                         \
	"'mdmctl cert renew server-chain.pem', with a copy of the server's, renews it"

static const struct {
	const char *file, *what, *help;
} expiry_certificates[] = {
	{ORG_ROOT, "the root CA", "'mdmctl ca new' begins the change to the next one"},
	{ORG_DEVICE_CA, "the device CA", "'mdmctl ca new' begins the change to the next one"},
	{ORG_ADMIN, "the administrator's certificate",
		"'mdmctl admin renew', where the root CA's key is, renews it"},
};

bool expiry_words(
	const char *what, int64_t until_s, int64_t now_s, const char *help, struct buf *out)
{
	char date[24], relative[32];

	if (until_s - now_s > EXPIRY_WARN_S)
		return false;
	clock_format(until_s, date);
	span_format_relative(until_s, now_s, relative);
	buf_printf(out, "%s %s on %s (%s); %s", what, until_s > now_s ? "ends" : "ended", date,
		relative, help);
	return true;
}

static void expiry_tell(struct ctl *ctl, const char *what, int64_t until_s, const char *help)
{
	_cleanup_buf_ struct buf words = BUF_INIT;

	if (expiry_words(what, until_s, ctl->now_s, help, &words) && words.data)
		fprintf(ctl->err, "mdmctl: warning: %s\n", words.data);
}

static void expiry_tell_pem(
	struct ctl *ctl, const char *pem, size_t n_bytes, const char *what, const char *help)
{
	_cleanup_x509_ X509 *x509 = NULL;
	struct fault ignored = {0};

	if (ca_read(pem, n_bytes, what, &x509, &ignored) == 0)
		expiry_tell(ctl, what, ca_until(x509), help);
}

void expiry_warn(struct ctl *ctl)
{
	if (ctl->warned || !ctl->org.keyset)
		return;
	ctl->warned = true;
	expiry_tell(ctl, "the keyset", ctl->org.keyset->expires_s,
		"'mdmctl keyset renew' drafts the next one");
	for (size_t i = 0; i < ARRAY_SIZE(expiry_certificates); i++) {
		_cleanup_free_ char *pem = NULL;
		size_t n_bytes;

		/* A directory from 'mdmctl key give' has none of them but the root. */
		if (fs_read(ctl->org.fd, expiry_certificates[i].file, LIMIT_PEM_BYTES, &pem,
			    &n_bytes) == 0)
			expiry_tell_pem(ctl, pem, n_bytes, expiry_certificates[i].what,
				expiry_certificates[i].help);
	}
}

void expiry_warn_server(struct ctl *ctl, const char *pem, size_t n_bytes)
{
	if (ctl->warned_server)
		return;
	ctl->warned_server = true;
	expiry_tell_pem(ctl, pem, n_bytes, "the server's certificate", EXPIRY_HELP_SERVER);
}
