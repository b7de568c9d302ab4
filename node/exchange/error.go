package exchange

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"musafir/crdt"
)

// What can be wrong with JSON.
var (
	ErrEmpty     = errors.New("there is no JSON here")
	ErrTruncated = errors.New("the JSON ends too early")
	ErrTrailing  = errors.New("something follows the end of the JSON")
	ErrSyntax    = errors.New("this is not JSON")
	ErrUTF8      = errors.New("the text is not valid UTF-8")
	ErrEscape    = errors.New("JSON has no such escape, or it is half of a surrogate pair")
	ErrControl   = errors.New("a control character must be escaped")
	ErrDuplicate = errors.New("the same key stands twice in one object")
	ErrInteger   = errors.New("the integer needs more than 64 bits: write it as a string or as a float")
	ErrFloat     = errors.New("the number is too large for a float: write it as a string")
)

// An InputError says what is wrong with a JSON text and where. It never quotes
// a value.
type InputError struct {
	Pointer string // the place (RFC 6901); "" is the whole
	Offset  int64  // bytes from the start of the text
	Err     error
}

func (e *InputError) Error() string {
	if e.Pointer == "" {
		return fmt.Sprintf("at byte %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("at %q, byte %d: %v", shorten(e.Pointer), e.Offset, e.Err)
}

func (e *InputError) Unwrap() error { return e.Err }

// maxShownBytes is how much of a pointer an error shows.
const maxShownBytes = 200

func shorten(s string) string {
	if len(s) <= maxShownBytes {
		return s
	}
	end := maxShownBytes
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// fail is an error at what was read last, which began back bytes ago.
func (p *parser) fail(err error, back int) error {
	return &InputError{
		Pointer: string(p.dec.StackPointer()),
		Offset:  p.dec.InputOffset() - int64(back),
		Err:     err,
	}
}

// failSyntax says in our words what the tokenizer found, because its own quote
// the text.
func (p *parser) failSyntax(err error) error {
	if err == io.EOF {
		return p.fail(ErrEmpty, 0)
	}
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return p.fail(ErrSyntax, 0)
	}
	at := syntax.ByteOffset
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		err = reason(p.text[min(at, int64(len(p.text))):])
	} else {
		err = ErrTruncated
	}
	return &InputError{Pointer: string(syntax.JSONPointer), Offset: at, Err: err}
}

// reason tells from the text where reading stopped why it did.
func reason(rest []byte) error {
	r, size := utf8.DecodeRune(rest)
	switch {
	case size == 0:
		return ErrTruncated
	case r == utf8.RuneError && size == 1:
		return ErrUTF8
	case r == '\\':
		return ErrEscape
	case r < ' ' && r != '\t' && r != '\n' && r != '\r':
		return ErrControl
	}
	return ErrSyntax
}

// errDepth says that a value is nested too deep.
func errDepth() error {
	return &crdt.LimitError{What: "nesting of a value", Size: crdt.MaxValueDepth + 1, Max: crdt.MaxValueDepth, Unit: "levels"}
}
