package tidemill

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestJSONGoesThereAndBack(t *testing.T) {
	value := map[string]any{"a": []any{1.0, -2.5, true, nil, "x<&>"}, "b": map[string]any{"c": float64(1 << 53)}}
	payload, err := JSON(value)
	if err != nil {
		t.Fatal(err)
	}
	if payload.ContentType() != "application/json" || !payload.IsJSON() {
		t.Error(payload.ContentType())
	}
	text := string(payload.Bytes())
	if !strings.Contains(text, "9007199254740992") || !strings.Contains(text, "x<&>") || strings.Contains(text, "1.0") {
		t.Error(text)
	}
	for _, same := range []Payload{payload, Text(text), Bytes([]byte(text)), payloadOf(payload.toProto())} {
		var found any
		if err := same.Decode(&found); err != nil || !reflect.DeepEqual(found, any(value)) {
			t.Errorf("%v %v", found, err)
		}
	}
}

func TestWhatJSONCannotHoldIsRefused(t *testing.T) {
	for name, value := range map[string]any{
		"digits":  []uint64{1<<53 + 1},
		"minus":   int64(-1<<53 - 1),
		"channel": make(chan int),
		"nan":     math.NaN(),
		"raw":     struct{ A complex128 }{},
	} {
		_, err := JSON(value)
		if of(t, err).Kind != KindInvalid || !errors.Is(err, ErrUnserializable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := JSON(uint64(1<<53 + 1)); !strings.Contains(err.Error(), "9007199254740993") {
		t.Error(err)
	}
}

func TestBytesOfEveryVariant(t *testing.T) {
	if got := Text("é").Bytes(); string(got) != "é" {
		t.Error(got)
	}
	if got, ok := Bytes([]byte{1}).Text(); ok || got != "" {
		t.Error("bytes are no text")
	}
	if !(Payload{}).IsEmpty() || Text("a").IsEmpty() || (Payload{}).toProto() != nil {
		t.Error("empty")
	}
	if got := Text("a,b").WithContentType("text/csv"); got.ContentType() != "text/csv" || got.toProto().GetContentType() != "text/csv" {
		t.Error(got.ContentType())
	}
	var number *int
	if err := (Payload{}).Decode(&number); err != nil || number != nil {
		t.Error("an empty payload is null")
	}
}

func TestTheNearestTraceContextWins(t *testing.T) {
	trace := func(name string) TraceContext { return TraceContext{Traceparent: name} }
	plain, err := NewClient("a:1")
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	hooked, err := NewClient("a:1", WithTraceContext(func(context.Context) TraceContext { return trace(found) }))
	if err != nil {
		t.Fatal(err)
	}
	in := ContextWithTrace(t.Context(), trace("handler"))
	sent := func(client *Client, ctx context.Context, task Task) string {
		request, err := client.request(ctx, task)
		if err != nil {
			t.Fatal(err)
		}
		return request.GetTraceContext().GetTraceparent()
	}
	own := Task{Kind: "k", TraceContext: trace("own")}
	for _, c := range []struct{ got, want string }{
		{sent(plain, t.Context(), task), ""},
		{sent(plain, in, task), "handler"},
		{sent(hooked, in, task), "handler"},
		{sent(hooked, in, own), "own"},
	} {
		if c.got != c.want {
			t.Errorf("%q instead of %q", c.got, c.want)
		}
	}
	found = "hook"
	if got := sent(hooked, in, task); got != "hook" {
		t.Errorf("%q", got)
	}
}

func TestEveryRequestHasAKeyAndAGivenOneStays(t *testing.T) {
	client, err := NewClient("a:1")
	if err != nil {
		t.Fatal(err)
	}
	first, _ := client.request(t.Context(), task)
	second, _ := client.request(t.Context(), task)
	given, _ := client.request(t.Context(), Task{Kind: "k", IdempotencyKey: "mine"})
	if first.GetIdempotencyKey() == "" || first.GetIdempotencyKey() == second.GetIdempotencyKey() || given.GetIdempotencyKey() != "mine" {
		t.Error(first, second, given)
	}
	if first.Start != nil || first.GetRetryPolicy() != nil || first.GetPayload() != nil || first.GetTraceContext() != nil || first.GetExpiresIn() != nil {
		t.Errorf("what was not set is not absent: %v", first)
	}
}

func TestNamesOfTheContract(t *testing.T) {
	for got, want := range map[string]string{
		StateSucceeded.String(): "SUCCEEDED", PriorityUrgent.String(): "URGENT", CauseLeased.String(): "LEASED",
		CancelAttemptTimeout.String(): "ATTEMPT_TIMEOUT", StateCause(77).String(): "STATE_CAUSE_77", KindConnectionLost.String(): "connection_lost",
		ErrorKind(70).String(): "kind_70", WorkerStatusReceiving.String(): "receiving", WorkerStatus(70).String(): "status_70",
		OutcomeUnknown.String(): "unknown", HealthNotServing.String(): "NOT_SERVING",
	} {
		if got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
}
