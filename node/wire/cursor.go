package wire

import "encoding/binary"

// A cursor walks bytes that are packed more tightly than CBOR. After the first
// error it yields zero values and keeps the error.
type cursor struct {
	b   []byte // what is left
	err error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.b = nil
}

// uvarint reads an unsigned varint in the fewest bytes.
func (c *cursor) uvarint() uint64 {
	n, size := binary.Uvarint(c.b)
	switch {
	case size == 0:
		c.fail(errTruncated)
	case size < 0:
		c.fail(errNumber)
	case size > 1 && c.b[size-1] == 0:
		c.fail(errNotCanonical)
	}
	if c.err != nil {
		return 0
	}
	c.b = c.b[size:]
	return n
}

// take yields the next n bytes where they are.
func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.fail(errTruncated)
	}
	if c.err != nil {
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

// size reads the length of a part, of at most limit bytes.
func (c *cursor) size(what string, limit int) int { return c.bounded(what, limit, "bytes", 1) }

// count reads how many items follow, at most limit of at least least bytes each,
// so that nothing is allocated for what cannot be there.
func (c *cursor) count(what string, limit, least int) int {
	return c.bounded(what, limit, "items", least)
}

func (c *cursor) bounded(what string, limit int, unit string, least int) int {
	n := c.uvarint()
	if n > uint64(limit) {
		c.fail(tooLarge(what, int(min(n, 1<<31-1)), limit, unit))
		return 0
	}
	if int(n) > len(c.b)/least {
		c.fail(errTruncated)
		return 0
	}
	return int(n)
}

// end wants nothing to be left.
func (c *cursor) end() error {
	if c.err == nil && len(c.b) != 0 {
		c.fail(errTrailing)
	}
	return c.err
}

func uvarintBytes(n uint64) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}
