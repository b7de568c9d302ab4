package wire

import (
	"errors"
	"unicode/utf8"

	"musafir/crdt"
)

var (
	// ErrTooLarge says that something is beyond its limit. The error is a
	// [crdt.LimitError] too, which names the limit.
	ErrTooLarge = errors.New("over the limit")

	// ErrMalformed says that a frame breaks a rule of its form.
	ErrMalformed = errors.New("malformed")

	// ErrUnknownFrame says that a frame is of a kind that this program does not
	// know. It was read to its end, so the next one can be read.
	ErrUnknownFrame = errors.New("unknown kind of frame")
)

// Reasons. They never quote the data.
var (
	errNoKind       = errors.New("a frame of no bytes")
	errParts        = errors.New("its parts are not those that belong there, in canonical CBOR")
	errTruncated    = errors.New("it ends too early")
	errTrailing     = errors.New("it goes on after its end")
	errNotCanonical = errors.New("not in canonical form, or a part has a wrong length")
	errOrder        = errors.New("not in ascending order, or something stands twice")
	errNumber       = errors.New("a number is greater than belongs there")
)

// A limitError is a crdt.LimitError that is ErrTooLarge.
type limitError struct{ limit *crdt.LimitError }

func (e *limitError) Error() string        { return e.limit.Error() }
func (e *limitError) Unwrap() error        { return e.limit }
func (e *limitError) Is(target error) bool { return target == ErrTooLarge }

func tooLarge(what string, size, limit int, unit string) error {
	if size <= limit {
		return nil
	}
	return &limitError{&crdt.LimitError{What: what, Size: size, Max: limit, Unit: unit}}
}

// A malformedError gives the reason and is ErrMalformed.
type malformedError struct{ reason error }

func (e *malformedError) Error() string        { return ErrMalformed.Error() + ": " + e.reason.Error() }
func (e *malformedError) Unwrap() error        { return e.reason }
func (e *malformedError) Is(target error) bool { return target == ErrMalformed }

// malformed is what breaks a rule, unless the rule is a limit.
func malformed(err error) error {
	if err == nil || errors.Is(err, ErrTooLarge) {
		return err
	}
	return &malformedError{err}
}

// checkText refuses what is too long or cannot be shown on one line.
func checkText(what, s string, limit int) error {
	if err := tooLarge(what, len(s), limit, "bytes"); err != nil {
		return err
	}
	if !utf8.ValidString(s) {
		return errors.New("the " + what + " is not valid UTF-8")
	}
	for _, r := range s {
		if crdt.IsControl(r) {
			return errors.New("the " + what + " holds a control character")
		}
	}
	return nil
}
