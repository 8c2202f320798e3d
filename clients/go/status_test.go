package tidemill

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/anypb"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

func refused(err error) *Error {
	return errorOfMessage(status.Convert(err).Proto(), "http://here")
}

func TestTheTextNamesReasonCodeAndEveryViolation(t *testing.T) {
	bad := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "kind", Description: "required"}, {Field: "delay", Description: "at most 365 days"},
	}}
	err := refused(refusal(codes.InvalidArgument, info(ReasonInvalidRequest, "outcome", "not_applied"), protoadapt.MessageV1Of(bad)))
	if got := err.Error(); got != "INVALID_REQUEST (INVALID_ARGUMENT): m; kind: required; delay: at most 365 days" {
		t.Error(got)
	}
}

func TestAViolationThatTheMessageHoldsIsNotSaidTwice(t *testing.T) {
	st := status.New(codes.InvalidArgument, "the request is not valid: kind is required: must match x")
	violation := func(field, description string) *errdetails.BadRequest_FieldViolation {
		return &errdetails.BadRequest_FieldViolation{Field: field, Description: description}
	}
	for _, c := range []struct {
		violations []*errdetails.BadRequest_FieldViolation
		want       string
	}{
		{[]*errdetails.BadRequest_FieldViolation{violation("kind", "is required: must match x")}, ""},
		{[]*errdetails.BadRequest_FieldViolation{violation("kind", "is required: must match x"), violation("delay", "at most 365 days")},
			"; delay: at most 365 days"},
		{[]*errdetails.BadRequest_FieldViolation{violation("kind", "")}, "; kind: "},
	} {
		bad := protoadapt.MessageV1Of(&errdetails.BadRequest{FieldViolations: c.violations})
		detailed, err := st.WithDetails(info(ReasonInvalidRequest), bad)
		if err != nil {
			t.Fatal(err)
		}
		found := refused(detailed.Err())
		if want := "INVALID_REQUEST (INVALID_ARGUMENT): " + st.Message() + c.want; found.Error() != want {
			t.Errorf("%q instead of %q", found, want)
		}
		if len(found.Violations) != len(c.violations) {
			t.Errorf("%v", found.Violations)
		}
	}
}

func TestTheOutcomeIsTheServersWordAndElseTheCodes(t *testing.T) {
	cases := []struct {
		err  error
		want Outcome
	}{
		{refusal(codes.Unavailable, info(ReasonStoreUnavailable, "outcome", "unknown")), OutcomeUnknown},
		{refusal(codes.Unavailable, info(ReasonDraining, "outcome", "not_applied")), OutcomeNotApplied},
		{refusal(codes.Unavailable), OutcomeUnknown},
		{refusal(codes.NotFound), OutcomeNotApplied},
	}
	for _, c := range cases {
		if got := refused(c.err); got.Outcome != c.want {
			t.Errorf("%v: %v", got, got.Outcome)
		}
	}
}

func TestAnotherDomainIsAProxysAndBrokenDetailsAreLeftOut(t *testing.T) {
	foreign := &errdetails.ErrorInfo{Reason: "QUEUE_FULL", Domain: "proxy.example"}
	err := refused(refusal(codes.Unavailable, protoadapt.MessageV1Of(foreign)))
	if err.Reason != "" || err.Error() != "UNAVAILABLE from http://here: m" {
		t.Error(err)
	}
	st := status.New(codes.InvalidArgument, "m").Proto()
	st.Details = append(st.Details,
		&anypb.Any{TypeUrl: "type.googleapis.com/google.rpc.BadRequest", Value: []byte{0xff, 0xff}},
		&anypb.Any{TypeUrl: "type.googleapis.com/not.Known"})
	if err := errorOfMessage(st, ""); len(err.Violations) != 0 || err.Code != codes.InvalidArgument {
		t.Errorf("%+v", err)
	}
}

func TestAStreamResumesUnlessTheServerMeansIt(t *testing.T) {
	cases := []struct {
		err  error
		want again
	}{
		{refusal(codes.Internal), whenBack},
		{refusal(codes.Internal, info(ReasonInternal)), never},
		{refusal(codes.NotFound, info(ReasonTaskNotFound)), never},
		{refusal(codes.Unavailable, info(ReasonDraining), retryInfo(time.Second)), whenBack},
		{refusal(codes.DeadlineExceeded, info(ReasonDeadlineExceeded)), whenBack},
	}
	for _, c := range cases {
		if got := refused(c.err).resume(); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}

func TestEveryReasonOfTheContractHasAConstant(t *testing.T) {
	known := map[Reason]bool{
		ReasonInvalidRequest: true, ReasonTaskNotFound: true, ReasonQueueNotFound: true, ReasonLeaseLost: true,
		ReasonSequenceAhead: true, ReasonIdempotencyKeyReused: true, ReasonQueueFull: true, ReasonQueueBytesExceeded: true,
		ReasonMemoryExhausted: true, ReasonWatchLimit: true, ReasonStoreUnavailable: true, ReasonStoreChanged: true,
		ReasonDraining: true, ReasonDeadlineExceeded: true, ReasonInternal: true, ReasonOutputTooLarge: true,
		ReasonAttemptTimeout: true, ReasonCrashLimit: true, ReasonReleaseLimit: true, ReasonHandlerFailed: true,
		ReasonProtocolViolation: true, ReasonAttemptsExhausted: true, ReasonStreamSilent: true,
	}
	for number := range tidemillv1.ErrorReason_name {
		if reason := reasonOf(tidemillv1.ErrorReason(number)); number != 0 && !known[reason] {
			t.Errorf("%s has none", reason)
		}
	}
	if len(known) != len(tidemillv1.ErrorReason_name)-1 {
		t.Errorf("%d constants for %d reasons", len(known), len(tidemillv1.ErrorReason_name)-1)
	}
}

// certificate makes one that signs itself, for 127.0.0.1.
func certificate(t *testing.T) (pair tls.Certificate, certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mill"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"mill.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	pair, err = tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair, certPEM, keyPEM
}

func TestTLSAndEveryMismatchSaysWhatToDo(t *testing.T) {
	pair, certPEM, keyPEM := certificate(t)
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(certPEM)
	server := func(config *tls.Config) string {
		fake := newFake(t, grpc.Creds(credentials.NewTLS(config)))
		fake.onEnqueue = stored
		return strings.TrimPrefix(fake.url, "http://")
	}
	secure := server(&tls.Config{Certificates: []tls.Certificate{pair}})
	mutual := server(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authorities})
	plain := strings.TrimPrefix(newFake(t).url, "http://")

	enqueue := func(url string, options ...ClientOption) error {
		client, err := NewClient(url, append(options, WithTimeout(soon), WithMaxTries(1))...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		_, err = client.Enqueue(t.Context(), task)
		return err
	}
	for name, err := range map[string]error{
		"authority":          enqueue("https://"+secure, WithCA(certPEM)),
		"name":               enqueue("https://"+secure, WithCA(certPEM), WithServerName("mill.example")),
		"client certificate": enqueue("https://"+mutual, WithCA(certPEM), WithClientCertificate(certPEM, keyPEM)),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []struct {
		err   error
		want  TLSProblem
		words string
	}{
		{enqueue("https://" + secure), TLSUntrusted, "certificate is not trusted"},
		{enqueue("https://"+secure, WithCA(certPEM), WithServerName("other.example")), TLSUntrusted, "or the right host"},
		{enqueue("https://"+plain, WithCA(certPEM)), TLSNotSpoken, "use http://"},
		{enqueue("http://" + secure), TLSRequired, "use https://"},
		{enqueue("https://"+mutual, WithCA(certPEM)), TLSCertificateRequired, "asks for a client certificate"},
	} {
		found := of(t, c.err)
		if found.TLSProblem != c.want || !strings.Contains(c.err.Error(), c.words) || strings.Contains(c.err.Error(), "\n") ||
			found.Kind != KindUnreachable || found.Outcome != OutcomeNotApplied {
			t.Errorf("%v %v (%d): %v", found.Kind, found.Outcome, found.TLSProblem, c.err)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for name, make := range map[string]func() (*Client, error){
		"scheme":      func() (*Client, error) { return NewClient("ftp://a") },
		"empty":       func() (*Client, error) { return NewClient("") },
		"space":       func() (*Client, error) { return NewClient("http://a b") },
		"path":        func() (*Client, error) { return NewClient("http://a/b") },
		"results":     func() (*Client, error) { return NewClient("a:1", WithResultsURL("x://")) },
		"worker":      func() (*Client, error) { return NewClient("a:1", WithWorkerURL("x://")) },
		"ca":          func() (*Client, error) { return NewClient("a:1", WithCA([]byte("none"))) },
		"certificate": func() (*Client, error) { return NewClient("a:1", WithClientCertificate(nil, nil)) },
		"token":       func() (*Client, error) { return NewClient("a:1", WithToken("sec\nret")) },
		"timeout":     func() (*Client, error) { return NewClient("a:1", WithTimeout(0)) },
	} {
		client, err := make()
		if client != nil || of(t, err).Kind != KindInvalid || strings.Contains(err.Error(), "sec\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for address, want := range map[string]string{"localhost:7440": "http://localhost:7440", "https://a:1/": "https://a:1", "[::1]:7440": "http://[::1]:7440"} {
		parsed, err := parseAddress(address)
		if err != nil || parsed.String() != want {
			t.Errorf("%s: %v %v", address, parsed, err)
		}
	}
}

func TestATokenGoesWithEveryCall(t *testing.T) {
	got := make(chan []string, 1)
	server := newFake(t, grpc.UnaryInterceptor(
		func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			got <- grpcHeader(ctx, "authorization")
			return handler(ctx, request)
		}))
	server.onEnqueue = stored
	if _, err := server.client(t, WithToken("secret")).Enqueue(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if values := <-got; len(values) != 1 || values[0] != "Bearer secret" {
		t.Error(values)
	}
}
