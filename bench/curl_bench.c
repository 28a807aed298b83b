/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: net */
/*
 * curl_bench.c - the least that a check-in by a fresh process costs with libcurl: one POST over
 * mutual TLS 1.3, "curl_bench URL IDENTITY-DIR REPORT-FILE". None of the agent's code. The answer
 * is thrown away. Ends with 0 if the status was 200 or 204. Benchmarks only.
 */
#include <curl/curl.h>
#include <stdio.h>

static char report[256 * 1024];

static size_t discard(char *data, size_t size, size_t n, void *userdata)
{
	(void)data;
	(void)userdata;
	return size * n;
}

static int post(const char *url, const char *directory, size_t n_report)
{
	char certificate[512], key[512], anchors[512];
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	CURL *easy = curl_easy_init();
	long status = 0;
	CURLcode code;

	snprintf(certificate, sizeof(certificate), "%s/certificate.pem", directory);
	snprintf(key, sizeof(key), "%s/key.pem", directory);
	snprintf(anchors, sizeof(anchors), "%s/anchors.pem", directory);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	curl_easy_setopt(easy, CURLOPT_SSLCERT, certificate);
	curl_easy_setopt(easy, CURLOPT_SSLKEY, key);
	curl_easy_setopt(easy, CURLOPT_CAINFO, anchors);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, report);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)n_report);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
	code = curl_easy_perform(easy);
	if (code != CURLE_OK) {
		fprintf(stderr, "curl_bench: %s: %s\n", url, curl_easy_strerror(code));
		return 1;
	}
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
	if (status != 200 && status != 204) {
		fprintf(stderr, "curl_bench: %s: status %ld\n", url, status);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t n_report;
	FILE *file;
	int r;

	if (argc != 4 || !(file = fopen(argv[3], "re"))) {
		fprintf(stderr, "Usage: curl_bench URL IDENTITY-DIR REPORT-FILE\n");
		return 2;
	}
	n_report = fread(report, 1, sizeof(report), file);
	fclose(file);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	r = post(argv[1], argv[2], n_report);
	curl_global_cleanup();
	return r;
}
