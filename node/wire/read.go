package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Read takes the next frame from a stream. At the end of the stream, between two
// frames, it returns io.EOF. After [ErrUnknownFrame] the next frame can be read;
// after any other error the stream is of no more use.
func Read(r *bufio.Reader) (Frame, error) { return ReadWithin(r, MaxFrameBytes) }

// ReadWithin is Read with a lower limit for the frame, in bytes, for as long as
// nobody knows who is speaking.
func ReadWithin(r *bufio.Reader, limit int) (Frame, error) {
	return ReadBounded(r, func() int { return limit })
}

// ReadBounded is ReadWithin with a limit that is asked for once a frame comes: who is
// speaking may have been found out meanwhile.
func ReadBounded(r *bufio.Reader, limit func() int) (Frame, error) {
	n, err := readLength(r)
	if err == io.EOF {
		return nil, err
	}
	if err == nil {
		err = tooLarge("frame", n, min(limit(), MaxFrameBytes), "bytes")
	}
	if err != nil {
		return nil, fmt.Errorf("read length of a frame: %w", err)
	}
	kind, body, err := readBody(r, n)
	if err != nil {
		return nil, fmt.Errorf("read %v frame: %w", kind, err)
	}
	return Parse(kind, body)
}

// readLength reads an unsigned varint in the fewest bytes.
func readLength(r *bufio.Reader) (n int, err error) {
	for i := range maxLengthBytes {
		b, err := r.ReadByte()
		if err != nil {
			return 0, truncatedIf(i > 0, err)
		}
		n |= int(b&0x7f) << (7 * i)
		if b < 0x80 {
			return n, checkLength(n, i, b)
		}
	}
	// It goes on, so it is at least this.
	return 1 << (7 * maxLengthBytes), nil
}

func checkLength(n, i int, last byte) error {
	if n == 0 {
		return malformed(errNoKind)
	}
	if i > 0 && last == 0 {
		return malformed(errNotCanonical)
	}
	return nil
}

// readBody reads the n bytes of a frame. It reads the kind before it allocates
// for the rest, and allocates nothing for a kind that it does not know.
func readBody(r *bufio.Reader, n int) (Kind, []byte, error) {
	b, err := r.ReadByte()
	kind := Kind(b)
	if err != nil {
		return kind, nil, truncatedIf(true, err)
	}
	if !kind.Known() {
		_, err := r.Discard(n - 1)
		return kind, nil, truncatedIf(true, err)
	}
	if err := kind.checkSize(n); err != nil {
		return kind, nil, err
	}
	body := make([]byte, n-1)
	_, err = io.ReadFull(r, body)
	return kind, body, truncatedIf(true, err)
}

// truncatedIf is err, if it is the end of the stream inside of a frame then
// io.ErrUnexpectedEOF.
func truncatedIf(inside bool, err error) error {
	if inside && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
