package crdt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// HashSize is the length of every hash here: SHA-256.
const HashSize = 32

// An EntryID is the SHA-256 of an entry's header.
type EntryID [HashSize]byte

// A LogID is the EntryID of the log's first entry, its birth.
type LogID [HashSize]byte

// A CampID is the LogID of the camp's very first log.
type CampID [HashSize]byte

// A ShortID is the first 16 bytes of an EntryID: how a change names the entries
// whose versions it supersedes.
type ShortID [16]byte

func (id EntryID) String() string { return hex.EncodeToString(id[:]) }
func (id LogID) String() string   { return hex.EncodeToString(id[:]) }
func (id CampID) String() string  { return hex.EncodeToString(id[:]) }
func (id ShortID) String() string { return hex.EncodeToString(id[:]) }

// Short is the form in which changes name the entry.
func (id EntryID) Short() ShortID { return ShortID(id[:16]) }

// Short is the form in which marks name the log.
func (id LogID) Short() ShortID { return ShortID(id[:16]) }

// Compare orders ids by their bytes.
func (id ShortID) Compare(other ShortID) int { return bytes.Compare(id[:], other[:]) }

// ParseShortID reads 32 or more hexadecimal digits, of which the first 32 count,
// so that a whole entry id is taken too.
func ParseShortID(s string) (ShortID, error) {
	var id ShortID
	if len(s) < 2*len(id) || len(s) > 2*HashSize {
		return id, fmt.Errorf("entry %q is not an entry id: 32 to 64 hexadecimal digits are needed", s)
	}
	if _, err := hex.Decode(id[:], []byte(s[:2*len(id)])); err != nil {
		return id, fmt.Errorf("entry %q is not an entry id: %w", s, err)
	}
	return id, nil
}

// A RecordKey names a record: collection and id.
type RecordKey struct {
	Collection, ID string
}

func (k RecordKey) String() string { return k.Collection + "/" + k.ID }

// Compare orders keys by collection, then id.
func (k RecordKey) Compare(other RecordKey) int {
	if c := strings.Compare(k.Collection, other.Collection); c != 0 {
		return c
	}
	return strings.Compare(k.ID, other.ID)
}

// Internal tells whether the collection is one of Musafir's own, which are not
// listed, exported or counted.
func (k RecordKey) Internal() bool { return strings.HasPrefix(k.Collection, "_") }

// Validate checks the form of both parts.
func (k RecordKey) Validate() error {
	if err := ValidateCollection(k.Collection); err != nil {
		return err
	}
	return validateRecordID(k.ID)
}

// ValidateCollection accepts 1 to MaxCollectionBytes of a-z, A-Z, 0-9, '_',
// '-' and '.', not beginning with '.' or '-'.
func ValidateCollection(name string) error {
	if name == "" {
		return errors.New("a collection name may not be empty")
	}
	if err := tooLarge("collection name", len(name), MaxCollectionBytes, "bytes"); err != nil {
		return err
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !letter && (i == 0 || c != '-' && c != '.') {
			return fmt.Errorf("collection name %q holds %q: use letters a-z and A-Z, digits, '_', and after the first character '-' and '.'", name, c)
		}
	}
	return nil
}

func validateRecordID(id string) error {
	if id == "" {
		return errors.New("a record id may not be empty")
	}
	if err := tooLarge("record id", len(id), MaxRecordIDBytes, "bytes"); err != nil {
		return err
	}
	return validateText("record id", id)
}

// IsControl tells whether no name may hold r: a control character, or one that
// embeds, overrides or isolates a direction of text, so that a name shows as
// another one. Marks and joiners, which scripts need, are none.
func IsControl(r rune) bool {
	return r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// validateText refuses what cannot be shown or would break a line or a key.
func validateText(what, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not valid UTF-8", what)
	}
	if strings.ContainsFunc(s, IsControl) {
		return fmt.Errorf("%s holds a control character", what)
	}
	return nil
}
