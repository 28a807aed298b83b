/* SPDX-License-Identifier: Apache-2.0 */
/* api.c - requests to mdm-server; see api.h. The only file of mdmctl that knows libcurl. */
#include "server/ctl/api.h"

#include <curl/curl.h>
#include <errno.h>

#include "server/ctl/expiry.h"
#include "server/ctl/response.h"

struct api {
	CURL *curl;
	char *root; /* PEM */
	char *certificate;
	char *key; /* PEM, not encrypted: only in memory, overwritten at the end */
	size_t n_key;
	const char *url; /* borrowed from the organisation */
	struct ctl *ctl; /* borrowed */
	char trouble[CURL_ERROR_SIZE];
};

void api_answer_done(struct api_answer *answer)
{
	free(answer->body);
	*answer = (struct api_answer){0};
}

void api_free(struct api *api)
{
	if (!api)
		return;
	if (api->curl)
		curl_easy_cleanup(api->curl);
	free(api->root);
	free(api->certificate);
	secret_free(api->key, api->n_key);
	free(api);
}

static size_t api_on_body(char *data, size_t size, size_t n, void *userdata)
{
	struct buf *body = userdata;

	buf_append(body, data, size * n);
	return body->error ? 0 : size * n;
}

static bool api_set_blob(CURL *curl, CURLoption option, char *text)
{
	struct curl_blob blob = {.data = text, .len = strlen(text), .flags = CURL_BLOB_NOCOPY};

	return curl_easy_setopt(curl, option, &blob) == CURLE_OK;
}

static bool api_set_options(struct api *api)
{
	CURL *c = api->curl;

	return api_set_blob(c, CURLOPT_CAINFO_BLOB, api->root) &&
	       api_set_blob(c, CURLOPT_SSLCERT_BLOB, api->certificate) &&
	       api_set_blob(c, CURLOPT_SSLKEY_BLOB, api->key) &&
	       curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLCERTTYPE, "PEM") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLKEYTYPE, "PEM") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)API_CONNECT_SECONDS) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)API_TOTAL_SECONDS) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CERTINFO, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_USERAGENT, "mdmctl/" MDM_VERSION) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, api->trouble) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, api_on_body) == CURLE_OK;
}

int api_open(struct ctl *ctl, struct api **ret_api, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = calloc(1, sizeof(*api));
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	int r;

	if (!api)
		return fault_errno(fault, ENOMEM, "connection");
	r = org_read(&ctl->org, ORG_ROOT, &api->root, NULL, fault);
	if (!r)
		r = org_read(&ctl->org, ORG_ADMIN, &api->certificate, NULL, fault);
	if (!r)
		r = ctl_unlock(ctl, ORG_ADMIN_KEY, "administrator's key", &pkey, fault);
	if (!r)
		r = keyfile_plain(pkey, &api->key, fault);
	if (r)
		return r;
	api->n_key = strlen(api->key);
	api->url = ctl->org.admin;
	api->ctl = ctl;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		api->curl = curl_easy_init();
	if (!api->curl || !api_set_options(api))
		return fault_set(fault, FAULT_FAILURE,
			"this libcurl cannot make TLS 1.3 connections with keys from memory; "
			"install libcurl 7.85 or newer with OpenSSL");
	*ret_api = TAKE_PTR(api);
	return 0;
}

/* What libcurl could not do, in words that name the cause and the next step. */
static int api_unreachable(struct api *api, CURLcode code, struct fault *fault)
{
	const char *why = *api->trouble ? api->trouble : curl_easy_strerror(code);
	const char *now = "is the server running, and is the address right? "
			  "('mdmctl config show')";

	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		now = "this is not the organisation's server, or its certificate is for another "
		      "name or has expired";
		break;
	case CURLE_OPERATION_TIMEDOUT:
		now = "the server did not answer in time; try again later";
		break;
	case CURLE_SSL_CERTPROBLEM:
		return fault_set(fault, FAULT_KEY,
			"the administrator's certificate and key (%s, %s) "
			"do not work: %s",
			ORG_ADMIN, ORG_ADMIN_KEY, why);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		/* With TLS 1.3 the client's certificate is judged after the handshake. */
		if (strstr(why, "alert") &&
			(strstr(why, "certificate") || strstr(why, "unknown ca")))
			return fault_set(fault, FAULT_REFUSED,
				"%s ended the connection: %s; it does not accept the administrator's "
				"certificate (expired, or of another organisation?)",
				api->url, why);
		break;
	case CURLE_WRITE_ERROR:
		return fault_set(fault, FAULT_FAILURE,
			"%s answered with more than %d bytes; ask for less at once", api->url,
			API_MAX_BYTES);
	default:
		break;
	}
	return fault_set(fault, FAULT_UNREACHABLE, "cannot talk to %s: %s; %s", api->url, why, now);
}

/* Headers of a request with a body; curl adds "Expect: 100-continue" to large ones unless told. */
static struct curl_slist *api_headers(const struct api_request *request)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:"), *more;
	char line[128];

	if (!headers)
		return NULL;
	snprintf(line, sizeof(line), "Content-Type: %s", request->content_type);
	more = curl_slist_append(headers, line);
	if (!more)
		curl_slist_free_all(headers);
	return more;
}

static CURLcode api_perform(
	struct api *api, const struct api_request *request, const char *url, struct buf *body)
{
	struct curl_slist *headers = NULL;
	CURL *c = api->curl;
	CURLcode code;

	*api->trouble = 0;
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, body);
	if (request->body) {
		headers = api_headers(request);
		if (!headers)
			return CURLE_OUT_OF_MEMORY;
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, request->body);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->n_body);
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, request->method);
	} else {
		curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST,
			strcmp(request->method, "GET") == 0 ? NULL : request->method);
	}
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	code = curl_easy_perform(c);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, NULL);
	curl_slist_free_all(headers);
	return code;
}

/* The first certificate is the server's own; its end is what an administrator can still change. */
static void api_look_at_certificate(struct api *api)
{
	static const char prefix[] = "Cert:";
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(api->curl, CURLINFO_CERTINFO, &info) != CURLE_OK || !info ||
		info->num_of_certs < 1)
		return;
	for (struct curl_slist *line = info->certinfo[0]; line; line = line->next)
		if (strncmp(line->data, prefix, sizeof(prefix) - 1) == 0)
			expiry_warn_server(api->ctl, line->data + sizeof(prefix) - 1,
				strlen(line->data + sizeof(prefix) - 1));
}

int api_other_object(struct fault *fault, const char *kind, const char *asked, const char *told)
{
	return fault_set(fault, FAULT_REFUSED,
		"asked for %s %.64s, the server answers for another, %.64s. Take the server for taken "
		"over; nothing was signed",
		kind, asked, *told ? told : "without a name");
}

int api_call(struct api *api, const struct api_request *request, struct api_answer *ret_answer,
	struct fault *fault)
{
	_cleanup_buf_ struct buf body = {.max_bytes = API_MAX_BYTES}, url = BUF_INIT;
	_cleanup_answer_ struct api_answer answer = {0};
	CURLcode code;
	int r;

	buf_printf(&url, "%s%s", api->url, request->path);
	if (url.error)
		return fault_errno(fault, url.error, "request");
	code = api_perform(api, request, url.data, &body);
	if (code != CURLE_OK)
		return api_unreachable(api, code, fault);
	api_look_at_certificate(api);
	curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, &answer.status);
	r = buf_take(&body, &answer.body, &answer.n_body);
	if (r < 0)
		return fault_errno(fault, r, "answer of the server");
	if (answer.status >= 300 && answer.status != request->tolerate) {
		char words[LIMIT_TEXT_BYTES + 1];

		response_error(answer.body, answer.n_body, words, sizeof(words));
		return fault_set(fault, FAULT_REFUSED, "%s refused %s %s: %ld%s%s", api->url,
			request->method, request->path, answer.status, *words ? ", " : "", words);
	}
	*ret_answer = answer;
	answer = (struct api_answer){0};
	return 0;
}
