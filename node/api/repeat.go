package api

import (
	"bytes"
	"crypto/sha256"
	"net/http"

	"musafir/crdt"
)

// maxRepeatKeyBytes is the longest Idempotency-Key.
const maxRepeatKeyBytes = 255

// note is what is stored with a request that has an Idempotency-Key, so that its
// repetition is recognised even after a crash: a hash of the body and the id of
// what it made. It is nil without that header.
func (c *call) note(body []byte, made string) (*crdt.Note, error) {
	values := c.r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return nil, nil
	}
	if len(values) > 1 || values[0] == "" || len(values[0]) > maxRepeatKeyBytes {
		return nil, badRequest("The header Idempotency-Key holds one key of 1 to %d bytes.", maxRepeatKeyBytes)
	}
	b := crdt.AppendText(crdt.AppendText(nil, c.r.Method), c.r.URL.Path)
	b = crdt.AppendBytes(b, []byte(values[0]))
	hash := sha256.Sum256(body)
	return &crdt.Note{Key: sha256.Sum256(b), Value: append(hash[:], made...)}, nil
}

// replay checks that a request is the one that left the earlier note, and gives
// the id of what that one made.
func (c *call) replay(now *crdt.Note, earlier []byte) (made string, err error) {
	if len(earlier) < sha256.Size || !bytes.Equal(now.Value[:sha256.Size], earlier[:sha256.Size]) {
		return "", &problem{Status: http.StatusUnprocessableEntity,
			Detail: "This Idempotency-Key was used for another request. Nothing was written."}
	}
	c.w.Header().Set("Idempotency-Replayed", "true")
	return string(earlier[sha256.Size:]), nil
}
