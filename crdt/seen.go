package crdt

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
)

// Seen names the entries behind a record as somebody read it.
type Seen struct {
	Entries []ShortID      // ascending, at most MaxSeen
	Digest  [HashSize]byte // of more entries than that, which are then not listed; else zero
}

// MaxSeen is how many entries a version may name.
const MaxSeen = 512

// Seen is what a reader of the record has now seen.
func (r *Record) Seen() Seen {
	names := make([]ShortID, len(r.sources))
	for i, src := range r.sources {
		names[i] = src.Entry.Short()
	}
	slices.SortFunc(names, ShortID.Compare)
	return seenOf(names)
}

// seenOf lists names, which ascend, or hashes them if they are too many: a version
// has to fit into the header of a request.
func seenOf(names []ShortID) Seen {
	if len(names) <= MaxSeen {
		return Seen{Entries: names}
	}
	b := append(make([]byte, 0, 1+len(names)*len(ShortID{})), tagSeen)
	for i := range names {
		b = append(b, names[i][:]...)
	}
	return Seen{Digest: sha256.Sum256(b)}
}

// With is what was seen, and the entry that was written then.
func (s Seen) With(id EntryID) Seen {
	names := append(slices.Clone(s.Entries), id.Short())
	slices.SortFunc(names, ShortID.Compare)
	return seenOf(slices.Compact(names))
}

func (s Seen) equal(o Seen) bool { return s.Digest == o.Digest && slices.Equal(s.Entries, o.Entries) }

// The first byte of a version tells what follows.
const (
	seenEntries = 1
	seenDigest  = 2
)

var errSeen = errors.New("the version is not one that a record carries: use the record's `version` as it was read")

// String is the opaque form: a record's `version`.
func (s Seen) String() string {
	b := []byte{seenEntries}
	for _, id := range s.Entries {
		b = append(b, id[:]...)
	}
	if s.Digest != ([HashSize]byte{}) {
		b = append([]byte{seenDigest}, s.Digest[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseSeen reads what String wrote.
func ParseSeen(text string) (*Seen, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, errSeen
	}
	s := &Seen{}
	switch kind, b := b[0], b[1:]; {
	case kind == seenEntries && len(b) <= MaxSeen*len(ShortID{}):
		s.Entries = shortIDs(b)
	case kind == seenDigest && len(b) == HashSize:
		s.Digest = [HashSize]byte(b)
	}
	if !ascending(s.Entries) || s.String() != text {
		return nil, errSeen
	}
	return s, nil
}

// rewind makes base the record as somebody saw it. Seen names the entries of which
// a version lived; whoever had those had the entries that they name, too.
func (c *composer) rewind(all func() ([]*Touch, error)) error {
	if c.edit.Seen.equal(c.now.Seen()) {
		return nil
	}
	if c.edit.Seen.Digest != ([HashSize]byte{}) {
		c.base, c.blind = &Record{Key: c.edit.Key}, true
		return nil
	}
	seen := c.edit.Seen.Entries
	touches, err := all()
	if err != nil {
		return err
	}
	then := make([]*Touch, len(touches))
	held := make(map[ShortID]*Touch, len(touches))
	for i, t := range touches {
		u := *t
		u.Merged = false
		then[i] = &u
		held[t.Entry.Short()] = t
	}
	for _, name := range seen {
		if held[name] == nil {
			c.unheld = append(c.unheld, name)
		}
	}
	past := make(map[ShortID]bool, len(touches))
	for left := slices.Clone(seen); len(left) > 0; {
		name := left[len(left)-1]
		left = left[:len(left)-1]
		if t := held[name]; t != nil && !past[name] {
			past[name] = true
			left = append(left, t.Change.Names...)
		}
	}
	for i, t := range touches {
		then[i].Merged = t.Merged && past[t.Entry.Short()]
	}
	for again := true; again; {
		c.base, again = Refold(c.edit.Key, then), false
		for _, s := range c.base.sources {
			if _, found := slices.BinarySearchFunc(seen, s.Entry.Short(), ShortID.Compare); !found {
				s.Merged, again = false, true // named before it came here
			}
		}
	}
	return nil
}
