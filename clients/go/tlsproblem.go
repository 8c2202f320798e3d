package tidemill

import "strings"

// TLSProblem is what is wrong between the client and the server about TLS.
type TLSProblem int

const (
	// TLSUntrusted: the server's certificate is not trusted, or not for this address.
	TLSUntrusted TLSProblem = iota + 1
	// TLSNotSpoken: the server does not speak TLS.
	TLSNotSpoken
	// TLSRequired: the server seems to speak nothing else.
	TLSRequired
	// TLSCertificateRequired: the server seems to ask for a certificate of the client.
	TLSCertificateRequired
)

func (p TLSProblem) hint() string {
	switch p {
	case TLSUntrusted:
		return "the server's certificate is not trusted for this address: name the authority that signed it, or the right host"
	case TLSNotSpoken:
		return "the server does not speak TLS: use http://"
	case TLSRequired:
		return "if the server speaks TLS, use https://"
	default:
		return "it seems that the server asks for a client certificate"
	}
}

// tlsProblemOf guesses from the text what a failed handshake usually means; gRPC hands on no typed error.
func tlsProblemOf(err *Error) TLSProblem {
	says := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(err.Message, word) {
				return true
			}
		}
		return false
	}
	secure := strings.HasPrefix(err.Address, "https://")
	switch {
	case secure && says("x509:", "failed to verify certificate"):
		return TLSUntrusted
	case secure && says("does not look like a TLS handshake"):
		return TLSNotSpoken
	case secure && says("tls: certificate required", "tls: bad certificate"):
		return TLSCertificateRequired
	case secure && err.Kind == KindUnreachable && !says("handshake failed", "dial") && says("broken pipe", "connection reset", "EOF"):
		// In TLS 1.3 the client's part of the handshake is over before the server looks at the certificate, and its alert may get lost.
		return TLSCertificateRequired
	case !secure && err.Kind == KindUnreachable && says("server preface"):
		return TLSRequired
	default:
		return 0
	}
}
