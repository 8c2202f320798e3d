package tidemill

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"time"
)

// DefaultURL is where `tidemill dev` serves.
const DefaultURL = "http://127.0.0.1:7440"

// Version of this package.
const Version = "0.1.0"

const defaultTimeout = 10 * time.Second

// ClientOption sets up a [Client].
type ClientOption func(*clientOptions)

type clientOptions struct {
	resultsURL string
	workerURL  string
	tls        *tls.Config
	token      string
	timeout    time.Duration
	maxTries   int
	userAgent  string
	trace      func(context.Context) TraceContext
	problem    *Error
}

// WithResultsURL is the address of the results role, where it has one of its own.
func WithResultsURL(url string) ClientOption {
	return func(o *clientOptions) { o.resultsURL = url }
}

// WithWorkerURL is the address of the worker role, where it has one of its own.
func WithWorkerURL(url string) ClientOption {
	return func(o *clientOptions) { o.workerURL = url }
}

// WithTLSConfig says how `https://` addresses are trusted, in all details. Options for TLS that follow change a copy of it.
func WithTLSConfig(config *tls.Config) ClientOption {
	return func(o *clientOptions) { o.tls = config.Clone() }
}

// WithCA trusts these authorities (PEM), and no others. Without it those that the operating system trusts are.
func WithCA(pem []byte) ClientOption {
	return func(o *clientOptions) {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			o.problem = invalid("CA: no certificate in PEM form")
		}
		o.tlsConfig().RootCAs = pool
	}
}

// WithClientCertificate shows this certificate (PEM, with its chain) to a server that asks for one, and proves it with this key (PEM).
func WithClientCertificate(certificate, key []byte) ClientOption {
	return func(o *clientOptions) {
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			o.problem = invalid("client certificate: %v", err)
		}
		o.tlsConfig().Certificates = []tls.Certificate{pair}
	}
}

// WithServerName expects this name in the server's certificate instead of the address's host.
func WithServerName(name string) ClientOption {
	return func(o *clientOptions) { o.tlsConfig().ServerName = name }
}

// WithToken sends `authorization: Bearer <token>` with every call. Over `http://` it can be read on the way.
func WithToken(token string) ClientOption {
	return func(o *clientOptions) {
		// The token itself must never be part of a message.
		if strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r > '~' }) {
			o.problem = invalid("token: holds characters that no header may have")
		}
		o.token = token
	}
}

// WithTimeout is the longest time for one unary call, all its tries included; a context with an earlier deadline ends it earlier. Without
// it: 10 s.
func WithTimeout(timeout time.Duration) ClientOption {
	return func(o *clientOptions) { o.timeout = bounded(timeout) }
}

// WithMaxTries is the most tries of one unary call. Without it: as many as the timeout and the retry budget allow, so that a call outlives
// a restart of the server. A program that a person waits for may want fewer.
func WithMaxTries(tries int) ClientOption {
	return func(o *clientOptions) { o.maxTries = max(1, tries) }
}

// WithUserAgent is the name of the program in the server's logs.
func WithUserAgent(name string) ClientOption {
	return func(o *clientOptions) { o.userAgent = name }
}

// WithTraceContext says where the trace context of an enqueued task comes from, if the task has none of its own: e.g. the current span of
// your tracing library. If source yields none either, it is that of the handler that enqueues.
func WithTraceContext(source func(context.Context) TraceContext) ClientOption {
	return func(o *clientOptions) { o.trace = source }
}

func (o *clientOptions) tlsConfig() *tls.Config {
	if o.tls == nil {
		o.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return o.tls
}

// FromEnv is [NewClient] with the address in TIDEMILL_URL (without it: [DefaultURL]), and those in TIDEMILL_RESULTS_URL and
// TIDEMILL_WORKER_URL where roles have addresses of their own.
func FromEnv(options ...ClientOption) (*Client, error) {
	url := os.Getenv("TIDEMILL_URL")
	if url == "" {
		url = DefaultURL
	}
	fromEnv := []ClientOption{
		WithResultsURL(os.Getenv("TIDEMILL_RESULTS_URL")),
		WithWorkerURL(os.Getenv("TIDEMILL_WORKER_URL")),
	}
	return NewClient(url, append(fromEnv, options...)...)
}
