package tidemill

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// ErrUnserializable is found by [errors.Is] in the errors of [JSON] and of whatever else cannot be sent as a payload. A handler that
// returns such an error has failed for good: the next attempt would make the same output.
var ErrUnserializable = errors.New("tidemill: not serializable")

// Payload is an input, output or chunk: bytes, text or JSON. The zero value is empty. The server takes at most 256 KiB (configurable to
// 1 MiB), of a chunk 64 KiB.
type Payload struct {
	contentType string
	content     any // nil, string, []byte or *structpb.Value
}

// Text is a payload of UTF-8 text.
func Text(text string) Payload { return Payload{content: text} }

// Bytes is a payload of raw bytes. They must not be changed afterwards.
func Bytes(data []byte) Payload {
	if data == nil {
		data = []byte{}
	}
	return Payload{content: data}
}

// JSON is a payload that every language and grpcurl see as JSON: the value as [encoding/json] writes it. It fails, with an *[Error] that
// wraps [ErrUnserializable], if the value cannot be written, or holds a whole number beyond 2^53, which a protobuf Value, a double,
// would change on the way: make such a number a string.
func JSON(value any) (Payload, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return Payload{}, unserializable("payload: not JSON: %v", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		return Payload{}, unserializable("payload: not JSON: %v", err)
	}
	converted, failed := toValue(plain)
	if failed != nil {
		return Payload{}, failed
	}
	return Payload{content: converted}, nil
}

func unserializable(format string, args ...any) *Error {
	return invalid(format, args...).withCause(ErrUnserializable)
}

// WithContentType gives a copy with this MIME type. Without it the variant implies one.
func (p Payload) WithContentType(contentType string) Payload {
	p.contentType = contentType
	return p
}

// ContentType is the MIME type: the one that was set, or the variant's.
func (p Payload) ContentType() string {
	if p.contentType != "" {
		return p.contentType
	}
	switch p.content.(type) {
	case string:
		return "text/plain"
	case *structpb.Value:
		return "application/json"
	default:
		return "application/octet-stream"
	}
}

// Text is the text, and true, if the payload is text.
func (p Payload) Text() (string, bool) {
	text, ok := p.content.(string)
	return text, ok
}

// IsJSON is true for the JSON variant.
func (p Payload) IsJSON() bool {
	_, ok := p.content.(*structpb.Value)
	return ok
}

// Bytes is the content as bytes: text as UTF-8, JSON as its text.
func (p Payload) Bytes() []byte {
	switch content := p.content.(type) {
	case string:
		return []byte(content)
	case []byte:
		return content
	case *structpb.Value:
		return jsonText(content)
	default:
		return nil
	}
}

// IsEmpty is true if there is no content.
func (p Payload) IsEmpty() bool { return len(p.Bytes()) == 0 }

// Decode reads JSON into the value that target points to: of the JSON variant, or parsed from text or bytes. An empty payload is null.
func (p Payload) Decode(target any) error {
	text := p.Bytes()
	if p.content == nil {
		text = []byte("null")
	}
	return json.Unmarshal(text, target)
}

func (p Payload) toProto() *tidemillv1.Payload {
	message := &tidemillv1.Payload{ContentType: p.contentType}
	switch content := p.content.(type) {
	case string:
		message.Content = &tidemillv1.Payload_Text{Text: content}
	case []byte:
		message.Content = &tidemillv1.Payload_Data{Data: content}
	case *structpb.Value:
		message.Content = &tidemillv1.Payload_Json{Json: content}
	default:
		if p.contentType == "" {
			return nil
		}
	}
	return message
}

func payloadOf(message *tidemillv1.Payload) Payload {
	found := Payload{contentType: message.GetContentType()}
	switch content := message.GetContent().(type) {
	case *tidemillv1.Payload_Text:
		found.content = content.Text
	case *tidemillv1.Payload_Data:
		found.content = content.Data
	case *tidemillv1.Payload_Json:
		found.content = content.Json
	}
	return found
}

// encoded is the message and its size, or why it cannot be sent: gRPC would break a whole stream over it.
func (p Payload) encoded() (*tidemillv1.Payload, int, *Error) {
	if text, ok := p.content.(string); ok && !utf8.ValidString(text) {
		return nil, 0, unserializable("payload: the text is not UTF-8; send it as bytes")
	}
	if !utf8.ValidString(p.contentType) {
		return nil, 0, unserializable("payload: the content type is not UTF-8")
	}
	message := p.toProto()
	return message, proto.Size(message), nil
}

// toValue makes a protobuf Value of what a decoder with UseNumber yields.
func toValue(value any) (*structpb.Value, *Error) {
	switch value := value.(type) {
	case nil:
		return structpb.NewNullValue(), nil
	case bool:
		return structpb.NewBoolValue(value), nil
	case string:
		return structpb.NewStringValue(value), nil
	case json.Number:
		return toNumber(value)
	case []any:
		list := &structpb.ListValue{Values: make([]*structpb.Value, len(value))}
		for i, item := range value {
			converted, err := toValue(item)
			if err != nil {
				return nil, err
			}
			list.Values[i] = converted
		}
		return structpb.NewListValue(list), nil
	case map[string]any:
		fields := make(map[string]*structpb.Value, len(value))
		for name, item := range value {
			converted, err := toValue(item)
			if err != nil {
				return nil, err
			}
			fields[name] = converted
		}
		return structpb.NewStructValue(&structpb.Struct{Fields: fields}), nil
	default:
		return nil, unserializable("payload: %T is not JSON", value)
	}
}

func toNumber(number json.Number) (*structpb.Value, *Error) {
	double, err := number.Float64()
	if err != nil {
		return nil, unserializable("payload: %s is beyond what a JSON number can hold", number)
	}
	exact := big.NewInt(1 << 53)
	if whole, ok := new(big.Int).SetString(number.String(), 10); ok && whole.CmpAbs(exact) > 0 {
		return nil, unserializable("payload: %s would lose digits as a JSON number; make it a string", number)
	}
	return structpb.NewNumberValue(double), nil
}

// jsonText writes whole numbers without a fraction. What JSON cannot say (infinities) becomes a string.
func jsonText(value *structpb.Value) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value.AsInterface()); err != nil {
		return []byte("null")
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}
