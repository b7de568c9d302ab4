package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// A Frame is one message of a session. The types that implement it are those of
// this package, by pointer: [Hail], [Prove], [Proof], [Hello], [Frontier],
// [Have], [Trail], [Grant], [Batch], [Beat], [Bye], [Knock], [Welcome],
// [Recover].
type Frame interface {
	Kind() Kind

	check() error                          // the rules that the form does not see to
	appendBody(dst []byte) ([]byte, error) // f was checked
	parseBody(body []byte) error           // what it leaves is checked after it
}

// maxLengthBytes is what the length of the largest frame takes.
const maxLengthBytes = 3

// Append adds a frame with its length to dst. If f breaks a rule or is too
// large, dst is returned as it was.
func Append(dst []byte, f Frame) ([]byte, error) {
	b, err := appendFrame(dst, f)
	if err != nil {
		return dst, fmt.Errorf("write %v frame: %w", f.Kind(), malformed(err))
	}
	return b, nil
}

func appendFrame(dst []byte, f Frame) ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	start := len(dst)
	body := start + maxLengthBytes // of the kind; it moves down once the length is known
	b := append(dst, 0, 0, 0, byte(f.Kind()))
	b, err := f.appendBody(b)
	if err != nil {
		return nil, err
	}
	n := len(b) - body
	if err := f.Kind().checkSize(n); err != nil {
		return nil, err
	}
	end := start + binary.PutUvarint(b[start:body], uint64(n))
	if end < body {
		copy(b[end:], b[body:])
	}
	return b[:end+n], nil
}

// Size is how many bytes Append adds for f. It does the work of Append.
func Size(f Frame) (int, error) {
	b, err := Append(nil, f)
	return len(b), err
}

// Parse reads the body of a frame. A [Batch] keeps body, which must not change
// after.
func Parse(kind Kind, body []byte) (Frame, error) {
	if !kind.Known() {
		return nil, fmt.Errorf("%w: %v", ErrUnknownFrame, kind)
	}
	f := kinds[kind].make()
	err := kind.checkSize(1 + len(body))
	if err == nil {
		err = parse(f, body)
	}
	if err != nil {
		return nil, fmt.Errorf("read %v frame: %w", kind, malformed(err))
	}
	return f, nil
}

func parse(f Frame, body []byte) error {
	if err := f.parseBody(body); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if f.Kind() == KindBatch {
		return nil // its form leaves no choice but that of compression
	}
	again, err := f.appendBody(make([]byte, 0, len(body)))
	if err != nil || !bytes.Equal(again, body) {
		return errNotCanonical
	}
	return nil
}
