package tidemill

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Health is what a server says of itself, by the standard health protocol (`grpc.health.v1`).
type Health int

const (
	// HealthUnknown: it does not know.
	HealthUnknown Health = iota
	// HealthServing: it serves.
	HealthServing
	// HealthNotServing: it runs, but does not serve: it starts, drains, or cannot reach its store.
	HealthNotServing
)

// String is `SERVING`, `NOT_SERVING` or `UNKNOWN`.
func (h Health) String() string {
	switch h {
	case HealthServing:
		return "SERVING"
	case HealthNotServing:
		return "NOT_SERVING"
	default:
		return "UNKNOWN"
	}
}

// Health says whether the gateway's address serves. Empty service: the process as a whole; else the full name of a gRPC service.
func (c *Client) Health(ctx context.Context, service string) (Health, error) {
	return c.healthOf(ctx, c.gateway, service)
}

// ResultsHealth says the same of the results role's address.
func (c *Client) ResultsHealth(ctx context.Context, service string) (Health, error) {
	return c.healthOf(ctx, c.results, service)
}

// WorkerHealth says the same of the worker role's address.
func (c *Client) WorkerHealth(ctx context.Context, service string) (Health, error) {
	return c.healthOf(ctx, c.worker, service)
}

func (c *Client) healthOf(ctx context.Context, link *link, service string) (Health, error) {
	request := &grpc_health_v1.HealthCheckRequest{Service: service}
	send := func(ctx context.Context, conn grpc.ClientConnInterface) (*grpc_health_v1.HealthCheckResponse, error) {
		return grpc_health_v1.NewHealthClient(conn).Check(ctx, request)
	}
	answer, err := call(ctx, link, c.limits, send)
	if err != nil {
		return HealthUnknown, err
	}
	switch answer.GetStatus() {
	case grpc_health_v1.HealthCheckResponse_SERVING:
		return HealthServing, nil
	case grpc_health_v1.HealthCheckResponse_NOT_SERVING:
		return HealthNotServing, nil
	default:
		return HealthUnknown, nil
	}
}
