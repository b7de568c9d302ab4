package crdt

import "crypto/sha256"

// Tags that begin what is hashed, so that no two kinds of thing hash alike. An
// entry's header begins with its version instead.
const (
	tagValues  = 0x10
	tagChange  = 0x11
	tagChanges = 0x12
	tagTerm    = 0x13
	tagValue   = 0x14
	tagDigest  = 0x15
	tagBucket  = 0x16
	tagSeen    = 0x17
)

// SaltSize is the length of the random bytes that keep the values of a change
// from being guessed from its hash once they are erased.
const SaltSize = 16

// Kinds of change. A program holds, forwards and reports entries with kinds it
// does not know, and merges them after an upgrade.
const (
	KindBirth  = 0 // the first entry of a log, and nowhere else
	KindRecord = 1

	// Stands alone in its entry, in control logs only.
	KindAdmission = 2
)

// A Change is what one entry does, as encoded: a kind, a shape, and values that
// can be erased without breaking the hash over them.
type Change struct {
	Kind uint64

	raw    []byte // the whole item
	shape  []byte
	salt   []byte // nil if there are no values, or they were erased
	values []byte // the array of values, encoded
	commit []byte // H(salt, values) of an erased change

	record *RecordChange // what was encoded, if it was done here
}

// Encoded is the change as it stands in its entry.
func (c *Change) Encoded() []byte { return c.raw }

// Erased tells whether the values were taken out.
func (c *Change) Erased() bool { return c.commit != nil }

// Hash is H(kind, shape, H(salt, values)): the same before and after erasure.
func (c *Change) Hash() [HashSize]byte {
	var buf [512]byte
	b := append(buf[:0], tagChange)
	b = appendUint(b, c.Kind)
	b = append(b, c.shape...)
	switch {
	case c.commit != nil:
		b = append(b, c.commit...)
	case c.salt != nil:
		h := commitment(c.salt, c.values)
		b = append(b, h[:]...)
	}
	return sha256.Sum256(b)
}

func commitment(salt, values []byte) [HashSize]byte {
	var buf [1024]byte
	b := append(buf[:0], tagValues)
	b = append(b, salt...)
	return sha256.Sum256(append(b, values...))
}

// Erase takes the values out. The result hashes like the original.
func (c *Change) Erase() Change {
	if c.salt == nil {
		return *c
	}
	h := commitment(c.salt, c.values)
	b := appendUint(AppendArray(nil, 3), c.Kind)
	b = AppendBytes(append(b, c.shape...), h[:])
	erased, err := parseChange(b)
	if err != nil {
		panic("erase: " + err.Error()) // built from a change that was parsed
	}
	return erased
}

func newChange(kind uint64, shape, salt, values []byte) Change {
	n := 2
	if values != nil {
		n = 4
	}
	b := make([]byte, 0, len(shape)+len(values)+SaltSize+8)
	b = appendUint(AppendArray(b, n), kind)
	at := len(b)
	b = append(b, shape...)
	c := Change{Kind: kind, shape: b[at:len(b):len(b)]}
	if values != nil {
		b = AppendBytes(b, salt)
		c.salt = b[len(b)-SaltSize : len(b) : len(b)]
		at = len(b)
		b = append(b, values...)
		c.values = b[at:]
	}
	c.raw = b
	return c
}

// parseChange reads exactly one change.
func parseChange(b []byte) (Change, error) {
	r := reader{b: b}
	c := r.change()
	return c, r.end()
}

// change reads [kind, shape], [kind, shape, commitment] or
// [kind, shape, salt, values].
func (r *reader) change() Change {
	start := r.off
	n := r.want(majorArray)
	c := Change{Kind: r.uint()}
	c.shape = r.skip(MaxValueDepth)
	switch n {
	case 2:
	case 3:
		if c.commit = r.bytes(); r.err == nil && len(c.commit) != HashSize {
			r.fail(errType)
		}
	case 4:
		if c.salt = r.bytes(); r.err == nil && len(c.salt) != SaltSize {
			r.fail(errType)
		}
		at := r.off
		if m, _, _ := r.head(); r.err == nil && m != majorArray {
			r.fail(errType)
		}
		r.off = at
		c.values = r.skip(MaxValueDepth + 1)
	default:
		r.fail(errType)
	}
	if r.err != nil {
		return Change{}
	}
	c.raw = r.b[start:r.off:r.off]
	if len(c.raw) > MaxChangeBytes {
		r.fail(&LimitError{What: "change", Size: len(c.raw), Max: MaxChangeBytes, Unit: "bytes"})
	}
	return c
}
