package exchange

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"musafir/crdt"
)

// MaxLineBytes is the longest line that a [Reader] takes, without its end. It
// is far more than a record may hold, because escapes and white space count.
const MaxLineBytes = 4 << 20

const bufferBytes = 64 << 10

// ErrUTF16 says that the input was saved as UTF-16, as some Windows programs do.
var ErrUTF16 = errors.New("the input is UTF-16: save it as UTF-8")

// A LineError is what is wrong with one line. Reading can go on after it.
type LineError struct {
	Line int // counted from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// A Reader reads lines of records from a stream, which may be gzipped. It holds
// one line in memory.
type Reader struct {
	in      *bufio.Reader
	parser  parser
	long    []byte // a line that is longer than the buffer of in
	number  int    // of the line read last
	gzipped bool
	err     error // the end of the stream
}

// NewReader looks at the beginning of r: gzip is recognised and a byte order
// mark skipped.
func NewReader(r io.Reader) (*Reader, error) {
	in := bufio.NewReaderSize(r, bufferBytes)
	magic, err := peek(in, 2)
	gzipped := bytes.Equal(magic, gzipMagic)
	if gzipped {
		in, err = unzipped(in)
	}
	if err == nil {
		err = skipMark(in)
	}
	if err != nil {
		return nil, streamError(err, gzipped, 0)
	}
	return &Reader{in: in, gzipped: gzipped}, nil
}

// peek is in.Peek for a stream that may be shorter.
func peek(in *bufio.Reader, n int) ([]byte, error) {
	b, err := in.Peek(n)
	if err == io.EOF {
		err = nil
	}
	return b, err
}

// errAfterGzip says that what follows the gzip data is none.
var errAfterGzip = errors.New("something follows the end of the gzip data")

var gzipMagic = []byte{0x1f, 0x8b}

// members reads gzip data, member by member, as one stream.
type members struct {
	in *bufio.Reader
	z  gzip.Reader // of the member
}

func unzipped(in *bufio.Reader) (*bufio.Reader, error) {
	m := &members{in: in}
	if err := m.next(); err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(m, bufferBytes), nil
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.z.Read(p)
		if err == io.EOF {
			err = nil
			if n == 0 {
				err = m.next()
			}
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// next begins the next member. io.EOF is the proper end.
func (m *members) next() error {
	magic, err := peek(m.in, len(gzipMagic))
	switch {
	case err != nil:
		return err
	case len(magic) == 0:
		return io.EOF
	case !bytes.HasPrefix(gzipMagic, magic):
		return errAfterGzip
	}
	err = m.z.Reset(m.in)
	m.z.Multistream(false)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func skipMark(in *bufio.Reader) error {
	mark, err := peek(in, 3)
	switch {
	case bytes.Equal(mark, []byte("\ufeff")):
		_, err = in.Discard(len(mark))
	case bytes.HasPrefix(mark, []byte{0xff, 0xfe}), bytes.HasPrefix(mark, []byte{0xfe, 0xff}):
		err = ErrUTF16
	}
	return err
}

// Next reads the next line that is not blank, and its number. After a
// [*LineError] the caller may go on with the line that follows; io.EOF and every
// other error end the stream.
func (r *Reader) Next() (Line, int, error) {
	for {
		text, err := r.read()
		if r.err != nil {
			return Line{}, r.number, r.err
		}
		text = bytes.Trim(text, " \t\r\n")
		if err == nil && len(text) == 0 {
			continue
		}
		return r.parse(text, err)
	}
}

func (r *Reader) parse(text []byte, err error) (line Line, number int, _ error) {
	if err == nil {
		line, err = r.parser.line(text)
	}
	if err != nil {
		return Line{}, r.number, &LineError{Line: r.number, Err: err}
	}
	return line, r.number, nil
}

// read gives the next line, good until the next call, or an error about it. The
// end of the stream it leaves in r.err.
func (r *Reader) read() ([]byte, error) {
	if r.err != nil {
		return nil, nil
	}
	text, err := r.in.ReadSlice('\n')
	size := len(text)
	if err == bufio.ErrBufferFull {
		text, size, err = r.readLong(text)
	}
	if err != nil && (err != io.EOF || size == 0) { // the last line may lack its end
		r.err = streamError(err, r.gzipped, r.number)
		return nil, nil
	}
	r.number++
	text = bytes.TrimRight(text, "\r\n")
	if max(size-len("\r\n"), len(text)) > MaxLineBytes {
		return nil, &crdt.LimitError{What: "the line", Size: size, Max: MaxLineBytes, Unit: "bytes"}
	}
	return text, nil
}

// readLong gathers a line of which start is the beginning, and tells its size.
// It holds nothing of a line that is too long.
func (r *Reader) readLong(start []byte) (text []byte, size int, err error) {
	r.long = append(r.long[:0], start...)
	size, err = len(start), bufio.ErrBufferFull
	for err == bufio.ErrBufferFull {
		var part []byte
		part, err = r.in.ReadSlice('\n')
		if size += len(part); size <= MaxLineBytes+len("\r\n") {
			r.long = append(r.long, part...)
		} else {
			r.long = nil
		}
	}
	return r.long, size, err
}

// streamError says what ended the stream, unless that is its proper end.
func streamError(err error, gzipped bool, lines int) error {
	switch {
	case err == io.EOF:
		return io.EOF
	case gzipped && errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read after line %d: the gzip data is cut off: %w", lines, err)
	case gzipped:
		return fmt.Errorf("read after line %d: unzip: %w", lines, err)
	}
	return fmt.Errorf("read after line %d: %w", lines, err)
}
