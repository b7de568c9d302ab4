package access

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"musafir/crdt"
)

// The recovery key is in nobody's device: its secret half is on paper, its public half
// in the camp's first entry. With it anybody begins control logs, as many as it takes,
// and admits coordinators there.

// RecoveryKey is the public half of the camp's recovery key, nil before its first entry.
func (c *Camp) RecoveryKey() ed25519.PublicKey {
	if c.founding == nil {
		return nil
	}
	return c.founding.Recovery
}

// FoundingMark is the incarnation of a camp's first entry: 16 bytes by which whoever has
// the recovery key knows that the camp was made with it. Its public half proves nothing:
// all members know it.
func FoundingMark(recovery ed25519.PrivateKey, device ed25519.PublicKey, f *crdt.Founding) [16]byte {
	h := hmac.New(sha256.New, derive(recovery.Seed(), foundingInfo))
	h.Write(appendParts(nil, []byte(foundingInfo), device, []byte(f.Camp), []byte(f.Device), f.Recovery, f.Secret[:]))
	return [16]byte(h.Sum(nil))
}

// FoundedWith tells whether the camp was made with that recovery key.
func (c *Camp) FoundedWith(recovery ed25519.PrivateKey) bool {
	first := c.admissions[crdt.EntryID(c.id)]
	if c.founding == nil || first == nil || !recovery.Public().(ed25519.PublicKey).Equal(c.founding.Recovery) {
		return false
	}
	mark := FoundingMark(recovery, first.key, c.founding)
	return hmac.Equal(mark[:], c.mark[:])
}

// admissionOf is what a birth rests on: the admission that it names or, where the
// recovery key begins a log, what the camp's first entry says of that key.
func (c *Camp) admissionOf(b *crdt.Birth) *admission {
	if c.recovery != nil && b.Admission == c.recovery.id && bytes.Equal(b.Device, c.recovery.key) {
		return c.recovery
	}
	return c.admissions[b.Admission]
}

// Of a recovery key as text.
const (
	recoverySum   = 3 // bytes of its hash behind the seed
	recoveryBytes = ed25519.SeedSize + recoverySum
)

var recoveryDigits = codeEncoding.EncodedLen(recoveryBytes)

// Errors of recovering.
var (
	ErrNotRecoveryKey = errors.New("this is not the recovery key of this camp")
	ErrIsCoordinator  = errors.New("this device is a coordinator already")
)

// ErrRecoveryCode says that a recovery key was not copied as it stands on paper.
var ErrRecoveryCode = errors.New("the recovery key has a letter that is wrong, or two that changed places: compare it with the paper")

// RecoveryCode is a recovery key for paper: 14 groups of 4 letters and digits, the
// end of which tells whether all are right.
func RecoveryCode(key ed25519.PrivateKey) string {
	sum := sha256.Sum256(key.Seed())
	return string(grouped(codeEncoding.EncodeToString(append(key.Seed(), sum[:recoverySum]...))))
}

// ParseRecoveryCode reads a recovery key as people write it, as [ParseCode] does.
func ParseRecoveryCode(s string) (ed25519.PrivateKey, error) {
	digits, count, err := readDigits(s, recoveryDigits)
	if err != nil {
		return nil, err
	}
	if count != recoveryDigits {
		return nil, fmt.Errorf("a recovery key has %d letters and digits, this has %d", recoveryDigits, count)
	}
	b, err := codeEncoding.DecodeString(string(digits))
	if err != nil {
		return nil, fmt.Errorf("read the recovery key: %w", err)
	}
	seed := b[:ed25519.SeedSize]
	if sum := sha256.Sum256(seed); !bytes.Equal(sum[:recoverySum], b[ed25519.SeedSize:]) {
		return nil, ErrRecoveryCode
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

const (
	recoverInfo  = "musafir recover 1"
	foundingInfo = "musafir founding 1"
)

// recoverBytes are what the recovery key signs to be given the control logs.
func recoverBytes(joiner, member crdt.DeviceID) []byte {
	return appendParts(nil, []byte(recoverInfo+" request"), []byte(joiner), []byte(member))
}

// SignRecovery shows a device of the camp that whoever asks it has the recovery key. It
// is bound to the keys of the connection.
func SignRecovery(key ed25519.PrivateKey, joiner, member crdt.DeviceID) []byte {
	return ed25519.Sign(key, recoverBytes(joiner, member))
}

// VerifyRecovery checks what SignRecovery made.
func (c *Camp) VerifyRecovery(signature []byte, joiner, member crdt.DeviceID) bool {
	return c.founding != nil && ed25519.Verify(c.founding.Recovery, recoverBytes(joiner, member), signature)
}

// RecoveryMAC is by what the camp alone knows of its recovery key: it shows that an
// answer comes from a device of the camp.
func RecoveryMAC(recovery ed25519.PublicKey, joiner, member crdt.DeviceID, camp crdt.CampID) [sha256.Size]byte {
	h := hmac.New(sha256.New, derive(recovery, recoverInfo))
	h.Write(appendParts(nil, []byte(recoverInfo+" welcome"), []byte(joiner), []byte(member), camp[:]))
	return [sha256.Size]byte(h.Sum(nil))
}
