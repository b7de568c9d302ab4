package hikma

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext" // values where they lie, however large

	"musafir/node/clinic"
)

// tolerant reads what JavaScript writes: halves of characters too. What they are in is
// somebody's record, and not ours to refuse.
var tolerant = []jsontext.Options{jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)}

var errNoObject = &Refusal{http.StatusBadRequest, "An object of JSON belongs here."}

// members visits those of an object, which is all that raw holds. Values are parts of raw.
func members(raw []byte, visit func(name string, value jsontext.Value) error) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), tolerant...)
	if t, err := dec.ReadToken(); err != nil || t.Kind() != jsontext.KindBeginObject {
		return errNoObject
	}
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadToken()
		if err != nil {
			return errNoObject
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return errNoObject
		}
		end := dec.InputOffset()
		if err := visit(key, raw[end-int64(len(value)):end]); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return errNoObject
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return errNoObject
	}
	return nil
}

// text is a string; "" stands for null too.
func text(name string, value jsontext.Value) (string, error) {
	if value.Kind() == jsontext.KindNull {
		return "", nil
	}
	b, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return "", badRequest("%q is a text.", name)
	}
	return string(b), nil
}

// texts takes members that are strings out of an object; others are passed over.
func texts(raw []byte, into map[string]*string) error {
	return members(raw, func(name string, value jsontext.Value) (err error) {
		if to := into[name]; to != nil {
			*to, err = text(name, value)
		}
		return err
	})
}

const numberMax = 1 << 53 // beyond it the app's numbers lose digits

// watermark is a number of a pull that the phone remembers; none is 0.
func watermark(value jsontext.Value) (int64, error) {
	if value.Kind() == jsontext.KindNull {
		return 0, nil
	}
	n, err := strconv.ParseFloat(string(value), 64)
	if value.Kind() != jsontext.KindNumber || err != nil || math.IsNaN(n) || n < 0 || n > numberMax {
		return 0, badRequest("lastPulledAt is a number, not below 0.")
	}
	return int64(n), nil
}

// An envelope is a request that is sealed.
type envelope struct {
	client  string
	payload []byte
}

// parseEnvelope reads {"client_id","payload"}.
func parseEnvelope(body []byte) (e envelope, err error) {
	err = members(body, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "client_id":
			e.client, err = text(name, value)
		case "payload":
			e.payload, err = decoded(value)
		}
		return err
	})
	if err != nil {
		return envelope{}, err
	}
	if e.payload == nil {
		return envelope{}, badRequest(`"payload" is missing.`)
	}
	return e, checkClient(e.client)
}

// clientAtHead is the client with which an envelope begins, as it does in the app.
func clientAtHead(begun []byte) (string, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(begun), tolerant...)
	var head [3]string
	for i := range head {
		t, err := dec.ReadToken()
		if err != nil {
			break
		}
		head[i] = t.String()
	}
	if head[0] != "{" || head[1] != "client_id" {
		return "", badRequest(`A request of this size begins with "client_id".`)
	}
	return head[2], checkClient(head[2])
}

// decoded are the bytes of a string. Its letters are none that JSON escapes.
func decoded(value jsontext.Value) ([]byte, error) {
	if value.Kind() != jsontext.KindString {
		return nil, badRequest(`"payload" is a text.`)
	}
	coded := value[1 : len(value)-1]
	b := make([]byte, coding.DecodedLen(len(coded)))
	n, err := coding.Decode(b, coded)
	if err != nil {
		return nil, badRequest(`"payload" is not base64url without padding.`)
	}
	return b[:n], nil
}

// checkClient wants 1 to 40 letters, digits, '.', '_' or '-'.
func checkClient(client string) error {
	ok := client != "" && len(client) <= clinic.ClientMaxBytes
	for i := range len(client) {
		c := client[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
	}
	if !ok {
		return badRequest("\"client_id\" is 1 to %d letters, digits, '.', '_' or '-'.", clinic.ClientMaxBytes)
	}
	return nil
}

// A request is what an envelope held.
type request struct {
	name  string // of the command or query
	body  []byte // its data or params
	token string
}

// parseRequest reads {"command","data","token"} or {"query","params","token"}.
func parseRequest(raw []byte, kind *rpcKind) (q request, err error) {
	err = members(raw, func(name string, value jsontext.Value) (err error) {
		switch name {
		case kind.name:
			q.name, err = text(name, value)
		case kind.body:
			q.body = value
		case "token":
			q.token, err = text(name, value)
		}
		return err
	})
	if q.body == nil {
		q.body = []byte("{}")
	}
	return q, err
}

// syncPoint is what a pull or a push says: the watermark, and the changes of a push.
func syncPoint(raw []byte) (lastPulledAt int64, changes []byte, err error) {
	err = members(raw, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "lastPulledAt", "last_pulled_at":
			lastPulledAt, err = watermark(value)
		case "changes":
			changes = value
		}
		return err
	})
	return lastPulledAt, changes, err
}
