package main

import (
	"encoding/json"
	"errors"

	"google.golang.org/grpc/codes"

	tidemill "github.com/tidemill/tidemill/clients/go"
)

// errorFields are those of the error of a call. What is none of the client's was a command that made no sense to its types.
func errorFields(err error) fields {
	var found *tidemill.Error
	if !errors.As(err, &found) {
		return fields{"kind": "invalid", "outcome": "not_applied", "message": err.Error()}
	}
	violations := []fields{}
	for _, violation := range found.Violations {
		violations = append(violations, fields{"subject": violation.Subject, "description": violation.Description})
	}
	shown := fields{
		"kind": found.Kind.String(), "reason": found.Reason, "outcome": found.Outcome.String(),
		"violations": violations, "message": found.Error(),
	}
	if found.Code != codes.OK {
		shown["code"] = tidemill.CodeName(found.Code)
	}
	if found.RetryAfter > 0 {
		shown["retry_after_ms"] = found.RetryAfter.Milliseconds()
	}
	if found.IdempotencyKey != "" {
		shown["idempotency_key"] = found.IdempotencyKey
	}
	return shown
}

func payloadFields(payload tidemill.Payload) fields {
	shown := fields{}
	switch text, isText := payload.Text(); {
	case isText:
		shown["text"] = text
	case payload.IsJSON():
		shown["json"] = json.RawMessage(payload.Bytes())
	case payload.IsEmpty():
		return shown
	default:
		shown["data"] = payload.Bytes()
	}
	shown["content_type"] = payload.ContentType()
	return shown
}

func addOutcome(shown fields, state tidemill.TaskState, output tidemill.Payload, err *tidemill.TaskError) {
	if state == tidemill.StateSucceeded {
		shown["output"] = payloadFields(output)
	}
	if err != nil {
		shown["error"] = fields{
			"reason": err.Reason, "message": err.Message, "type": err.Type, "permanent": err.Permanent,
		}
	}
}

func eventFields(watch, taskID string, event tidemill.Event) fields {
	shown := fields{"watch": watch, "task_id": taskID, "sequence": event.Sequence, "attempt": event.Attempt}
	switch detail := event.Detail.(type) {
	case tidemill.StateChanged:
		shown["type"], shown["state"], shown["cause"] = "state", detail.State.String(), detail.Cause.String()
	case tidemill.Progress:
		shown["type"], shown["fraction"], shown["message"] = "progress", detail.Fraction, detail.Message
	case tidemill.OutputChunk:
		shown["type"], shown["payload"] = "chunk", payloadFields(detail.Payload)
	case tidemill.Truncated:
		shown["type"], shown["from"], shown["to"] = "truncated", detail.From, detail.To
	case tidemill.TaskResult:
		shown["type"], shown["state"] = "result", detail.State.String()
		addOutcome(shown, detail.State, detail.Output, detail.Error)
	default:
		shown["type"] = "unknown"
	}
	return shown
}
