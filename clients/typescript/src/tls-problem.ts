// What a failed handshake usually means.

import type { TlsProblem } from "./error.js";

const UNTRUSTED = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
const NOT_TLS = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE|RECORD_LAYER/;
const NO_CERTIFICATE = /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA/;
/** How a connection ends, right at its beginning, whose peer waits for TLS. */
const CLOSED = new Set([
  "ECONNRESET",
  "EPIPE",
  "ERR_HTTP2_ERROR",
  "ERR_HTTP2_SESSION_ERROR",
  "ERR_HTTP2_STREAM_CANCEL",
]);

/** Looks at an error and its causes. */
export function tlsProblem(causes: readonly Error[], address: string): TlsProblem | undefined {
  const codes = causes.map((cause) => (cause as NodeJS.ErrnoException).code ?? "");
  if (address.startsWith("https://")) {
    if (codes.some((code) => UNTRUSTED.has(code))) return "untrusted";
    if (codes.some((code) => NOT_TLS.test(code))) return "not_spoken";
    if (codes.some((code) => NO_CERTIFICATE.test(code))) return "certificate_required";
    return undefined;
  }
  const closed =
    codes.some((code) => CLOSED.has(code)) || causes.some((cause) => cause.message.includes("closed with error code"));
  return closed ? "required" : undefined;
}

/** The remedy, for the error's message. */
export function hint(problem: TlsProblem): string {
  return {
    untrusted:
      "the server's certificate is not trusted for this address: name the authority that signed it, or the right host",
    not_spoken: "the server does not speak TLS: use http://",
    required: "if the server speaks TLS, use https://",
    certificate_required: "the server asks for a client certificate",
  }[problem];
}
