package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"

	"musafir/crdt"
)

// A Code invites a device: 16 letters and digits, shown as XXXX-XXXX-XXXX-XXXX. The
// first four name the invitation and are no secret; the others are 60 secret bits.
// Whatever logs or shows it gives the invitation away.
type Code string

const (
	codeDigits = 16
	codeGroup  = 4

	// Crockford's: no letter looks like a digit or like another letter, and none
	// is U.
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

var codeEncoding = base32.NewEncoding(codeAlphabet).WithPadding(base32.NoPadding)

// NewCode makes a code of random bytes.
func NewCode(random [10]byte) Code { return grouped(codeEncoding.EncodeToString(random[:])) }

func grouped(digits string) Code {
	var groups []string
	for ; len(digits) > 0; digits = digits[codeGroup:] {
		groups = append(groups, digits[:codeGroup])
	}
	return Code(strings.Join(groups, "-"))
}

// ParseCode reads a code as people write it: in lower case, with spaces and dashes
// anywhere or nowhere, with O for 0 and I or L for 1.
func ParseCode(s string) (Code, error) {
	digits, count, err := readDigits(s, codeDigits)
	if err != nil {
		return "", err
	}
	if count != codeDigits {
		return "", fmt.Errorf("a code has %d letters and digits, this has %d", codeDigits, count)
	}
	return grouped(string(digits)), nil
}

// readDigits reads digits as people write them, and keeps as many as it should have.
func readDigits(s string, most int) (digits []byte, count int, err error) {
	digits = make([]byte, 0, most)
	for _, r := range s {
		if isFiller(r) {
			continue
		}
		d, ok := codeDigit(r)
		if !ok {
			return nil, 0, fmt.Errorf("%q is in no code: it has the digits 0 to 9 and the letters A to Z without I, L, O and U", r)
		}
		if count++; count <= most {
			digits = append(digits, d)
		}
	}
	return digits, count, nil
}

// isFiller tells whether r only sets digits apart, or shows nothing, like the marks
// of direction that come along where text is copied.
func isFiller(r rune) bool {
	return unicode.IsSpace(r) || r == '\u2212' || unicode.In(r, unicode.Pd, unicode.Cf)
}

func codeDigit(r rune) (byte, bool) {
	switch r = unicode.ToUpper(r); r {
	case 'O':
		return '0', true
	case 'I', 'L':
		return '1', true
	}
	if i := strings.IndexRune(codeAlphabet, r); i >= 0 {
		return codeAlphabet[i], true
	}
	return 0, false
}

// Name is the part of the code that names the invitation.
func (c Code) Name() string { return string(c[:min(codeGroup, len(c))]) }

// What a code is for, and the version of how keys are derived from it.
const (
	joinInfo = "musafir join 1"
	findInfo = "musafir find 1"
)

// FindKey seals what a device with an open invitation tells whoever has its code:
// where it is.
func (c Code) FindKey() []byte { return c.key(findInfo) }

func (c Code) key(info string) []byte {
	return derive([]byte(strings.ReplaceAll(string(c), "-", "")), info)
}

// MAC shows that its maker knows the code: it is bound to what it is for, to the
// keys of the connection, and to more.
func (c Code) MAC(what string, joiner, coordinator crdt.DeviceID, more ...[]byte) [sha256.Size]byte {
	h := hmac.New(sha256.New, c.key(joinInfo))
	parts := [][]byte{[]byte(joinInfo + " " + what), []byte(joiner), []byte(coordinator)}
	h.Write(appendParts(nil, append(parts, more...)...))
	return [sha256.Size]byte(h.Sum(nil))
}

// appendParts puts the length before each part, so that no two lists give the same bytes.
func appendParts(b []byte, parts ...[]byte) []byte {
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	return b
}

// Request is the MAC by which a device asks to be admitted under a name.
func (c Code) Request(joiner, coordinator crdt.DeviceID, deviceName string) [sha256.Size]byte {
	return c.MAC("request", joiner, coordinator, []byte(deviceName))
}
