package discovery

import (
	"crypto/ed25519"
	"crypto/sha256"
	"net"
	"net/netip"
	"testing"

	"musafir/crdt"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func deviceNamed(name string) crdt.DeviceID {
	seed := sha256.Sum256([]byte(name))
	return crdt.DeviceIDOf(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
}

func keyNamed(name string) []byte {
	key := sha256.Sum256([]byte(name))
	return key[:]
}

func ips(texts ...string) (addrs []netip.Addr) {
	for _, s := range texts {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs
}

// up is what the system says of an ordinary interface that works.
const up = net.FlagUp | net.FlagBroadcast | net.FlagMulticast | net.FlagRunning

func newLink(name string, flags net.Flags, addrs ...string) link {
	l := link{index: len(name), name: name, flags: flags}
	for _, a := range addrs {
		l.addrs = append(l.addrs, netip.MustParsePrefix(a))
	}
	return l
}

func someNotice() Notice {
	return Notice{
		Device: deviceNamed("tent"), TCP: 7668, UDP: 7669, Digest: [8]byte{1, 2, 3},
		Addrs: ips("10.0.0.1", "fd00::1"),
	}
}
