package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"musafir/crdt"
	"musafir/node/patient"
)

// maxDocumentBytes is the largest request document but for an import.
const maxDocumentBytes = 1 << 20

// Pages of a list.
const (
	limitDefault = 100
	limitMax     = 10_000
	pageBytesMax = 8 << 20 // a page ends when it has this much
)

// A call is one request on its way to an answer.
type call struct {
	w     *patient.Response
	r     *http.Request
	by    asker
	query url.Values
}

// key is the record that the path names.
func (c *call) key() (crdt.RecordKey, error) {
	key := crdt.RecordKey{Collection: c.r.PathValue("collection"), ID: c.r.PathValue("id")}
	return key, checkKey(key)
}

func checkKey(key crdt.RecordKey) error {
	if err := key.Validate(); err != nil {
		return badRequest("%v", err)
	}
	return checkOrdinary(key.Collection)
}

func checkCollection(name string) error {
	if err := crdt.ValidateCollection(name); err != nil {
		return badRequest("%v", err)
	}
	return checkOrdinary(name)
}

// checkOrdinary keeps sessions and password hashes away from the API.
func checkOrdinary(collection string) error {
	if (crdt.RecordKey{Collection: collection}).Internal() {
		return forbidden("Collections whose names begin with '_' are musafir's own.")
	}
	return nil
}

// collection is the query's, "" if it names none.
func (c *call) collection() (string, error) {
	if !c.query.Has("collection") {
		return "", nil
	}
	name := c.query.Get("collection")
	return name, checkCollection(name)
}

func (c *call) flag(name string) (bool, error) {
	switch c.query.Get(name) {
	case "", "0", "false":
		return false, nil
	case "1", "true":
		return true, nil
	}
	return false, badRequest("The parameter %q is true or false.", name)
}

func (c *call) limit() (int, error) {
	if !c.query.Has("limit") {
		return limitDefault, nil
	}
	n, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil || n < 1 || n > limitMax {
		return 0, badRequest("The parameter \"limit\" is a number from 1 to %d.", limitMax)
	}
	return n, nil
}

// author is the person who writes.
func (c *call) author() (string, error) {
	values := c.r.Header.Values("Musafir-Author")
	if len(values) > 1 {
		return "", badRequest("The header Musafir-Author stands there more than once.")
	}
	if len(values) == 0 {
		return "", nil
	}
	name, err := url.PathUnescape(values[0])
	if err != nil || !utf8.ValidString(name) || strings.ContainsFunc(name, crdt.IsControl) {
		return "", badRequest("The header Musafir-Author is a name in percent-encoded UTF-8 without control characters.")
	}
	if len(name) > crdt.MaxAuthorBytes {
		return "", badRequest("The author has %d bytes, the limit is %d.", len(name), crdt.MaxAuthorBytes)
	}
	return name, nil
}

// ifMatch is what the writer says it had seen, nil if it says nothing.
func (c *call) ifMatch() (*crdt.Seen, error) {
	values := c.r.Header.Values("If-Match")
	if len(values) == 0 {
		return nil, nil
	}
	version, quoted := strings.CutPrefix(values[0], `"`)
	if quoted {
		version, quoted = strings.CutSuffix(version, `"`)
		if !quoted {
			version = ""
		}
	}
	seen, err := crdt.ParseSeen(version)
	if err != nil || len(values) > 1 {
		return nil, badRequest("The header If-Match holds one version as a record carries it.")
	}
	return seen, nil
}

const (
	jsonType  = "application/json"
	patchType = "application/merge-patch+json"
	linesType = "application/x-ndjson"
	eventType = "text/event-stream"
	formType  = "application/x-www-form-urlencoded" // of curl -d, unless told otherwise
)

// wantBody checks what the request says of its body. Saying nothing, or what curl
// says when told nothing, is as good: the token keeps web pages out, not the type.
func (c *call) wantBody(types ...string) error {
	header := c.r.Header.Get("Content-Type")
	if header == "" {
		return nil
	}
	given, _, err := mime.ParseMediaType(header)
	if err != nil || !slices.Contains(types, given) && given != formType {
		return &problem{Status: http.StatusUnsupportedMediaType, Detail: "The header Content-Type must be " + strings.Join(types, " or ") + "."}
	}
	return nil
}

// body reads a request document.
func (c *call) body(types ...string) ([]byte, error) {
	if err := c.wantBody(types...); err != nil {
		return nil, err
	}
	if e := c.r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, &problem{Status: http.StatusUnsupportedMediaType, Detail: "A document is sent as it is, without Content-Encoding."}
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxDocumentBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &tooLarge), errors.Is(err, os.ErrDeadlineExceeded):
		return b, err
	case err == io.ErrUnexpectedEOF:
		return nil, badRequest("The request ends too early.")
	}
	// The connection is gone, by the client or because the device stops.
	return nil, &problem{Status: http.StatusBadRequest, Detail: "The request broke off.", cut: err}
}

// json answers with a document.
func (c *call) json(status int, doc []byte) error {
	c.w.Header().Set("Content-Type", jsonType)
	c.w.WriteHeader(status)
	_, err := c.w.Write(append(doc, '\n'))
	return err
}
