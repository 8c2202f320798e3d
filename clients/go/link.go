package tidemill

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

const (
	// A silent peer is given up after about half a minute, so that a watch notices a network that swallows packets.
	keepAliveInterval = 20 * time.Second
	keepAliveTimeout  = 10 * time.Second
	// Far above what a server sends unless it is configured to larger payloads.
	mostReceived = 64 << 20
)

// link is one address: its connection, and what the calls over it share.
type link struct {
	address string
	target  string
	options []grpc.DialOption
	line    *line

	mu      sync.Mutex
	current *connection
	closed  bool
}

// connection counts its users, so that one that is replaced is closed by the last of them.
type connection struct {
	*grpc.ClientConn
	users   int
	retired bool
}

func newLink(address string, o *clientOptions) (*link, *Error) {
	parsed, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	transport := insecure.NewCredentials()
	if parsed.Scheme == "https" {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if o.tls != nil {
			config = o.tls.Clone()
		}
		transport = credentials.NewTLS(config)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithUserAgent(o.userAgent),
		grpc.WithStatsHandler(observer{}),
		// Retries are made here, with one deadline and one budget for all tries.
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepAliveInterval, Timeout: keepAliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: backoffBase, Multiplier: 2, Jitter: 0.2, MaxDelay: probeCap},
			MinConnectTimeout: o.timeout,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mostReceived)),
	}
	if o.token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(o.token)))
	}
	return &link{address: parsed.String(), target: target(parsed), options: options, line: newLine()}, nil
}

// parseAddress reads `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT` for plaintext.
func parseAddress(address string) (*url.URL, *Error) {
	full := address
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	parsed, err := url.Parse(full)
	good := err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Hostname() != "" &&
		strings.Trim(parsed.Path, "/") == "" && parsed.RawQuery == "" && parsed.User == nil
	if !good {
		return nil, invalid("address `%s`: write http://HOST:PORT, or https://HOST:PORT for TLS", address)
	}
	parsed.Path = ""
	return parsed, nil
}

// target leaves the host's name to the dialer, which looks it up for every connection and tries all of its addresses.
func target(parsed *url.URL) string {
	port := parsed.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[parsed.Scheme]
	}
	return "passthrough:///" + net.JoinHostPort(parsed.Hostname(), port)
}

// acquire gives the connection, and what to call when the RPC is over. One that could not connect is replaced: a try is then really
// made, instead of being answered with the failure of the one before.
func (l *link) acquire() (*grpc.ClientConn, func(), *Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, nil, invalid("the client is closed")
	}
	if l.current != nil && l.current.GetState() == connectivity.TransientFailure {
		l.retire()
	}
	if l.current == nil {
		conn, err := l.fresh()
		if err != nil {
			return nil, nil, err
		}
		l.current = &connection{ClientConn: conn}
	}
	used := l.current
	used.users++
	return used.ClientConn, sync.OnceFunc(func() { l.release(used) }), nil
}

func (l *link) release(used *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	used.users--
	used.closeIfUnused()
}

// retire is called with the lock held.
func (l *link) retire() {
	l.current.retired = true
	l.current.closeIfUnused()
	l.current = nil
}

func (c *connection) closeIfUnused() {
	if c.retired && c.users == 0 {
		_ = c.Close()
	}
}

// fresh makes a connection of its own, so that whoever balances the load may choose anew. It connects with the first call.
func (l *link) fresh() (*grpc.ClientConn, *Error) {
	conn, err := grpc.NewClient(l.target, l.options...)
	if err != nil {
		return nil, invalid("address `%s`: %v", l.address, err)
	}
	return conn, nil
}

// close breaks off whatever is under way.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.current != nil {
		_ = l.current.Close()
		l.current = nil
	}
}

// bearer is sent with every call. Over plaintext it can be read on the way; whoever sets both has been told.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }
