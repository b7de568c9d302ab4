package discovery

import (
	"bytes"
	"strings"
	"testing"
)

func TestSeal(t *testing.T) {
	plain, err := someNotice().encode()
	check(t, err)
	l, err := newLock(keyNamed("camp"))
	check(t, err)
	s := l.seal(plain, [nonceSize]byte{1})
	if len(s) != textSize || len(s) > 255 {
		t.Errorf("%d characters, not %d; DNS takes 255", len(s), textSize)
	}
	sealed, ok := unwrap(s)
	if !ok {
		t.Fatalf("%q is no sealed notice", s)
	}
	if again, ok := l.open(sealed); !ok || !bytes.Equal(again, plain) {
		t.Errorf("opened %x, %t", again, ok)
	}
	other, err := newLock(keyNamed("other"))
	check(t, err)
	if _, ok := other.open(sealed); ok {
		t.Error("another key opens it")
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i]++
		if _, ok := l.open(changed); ok {
			t.Errorf("opened with another byte %d", i)
		}
	}
}

func TestKeySize(t *testing.T) {
	for _, key := range [][]byte{nil, keyNamed("a")[1:], append(keyNamed("a"), 0)} {
		if _, err := newLock(key); err == nil {
			t.Errorf("took a key of %d bytes", len(key))
		}
	}
}

func TestUnwrap(t *testing.T) {
	good := filler()
	if _, ok := unwrap(good); !ok {
		t.Errorf("refused %q", good)
	}
	for name, s := range map[string]string{
		"empty": "", "short": good[1:], "long": good + "A", "other letters": "+" + good[1:],
		"newer version": "Ag" + good[2:], "a line's end": good[:textSize-1] + "\n",
		"bits that say nothing": good[:textSize-1] + "_",
	} {
		if _, ok := unwrap(s); ok {
			t.Errorf("%s: took %q", name, s)
		}
	}
}

// TestFiller checks that filler has the form of what is sealed.
func TestFiller(t *testing.T) {
	plain, err := someNotice().encode()
	check(t, err)
	l, err := newLock(keyNamed("camp"))
	check(t, err)
	a, b := l.seal(plain, [nonceSize]byte{}), filler()
	if len(a) != len(b) || a[0] != b[0] {
		t.Errorf("%q and %q", a, b)
	}
	if strings.EqualFold(b, filler()) {
		t.Error("filler comes twice")
	}
}
