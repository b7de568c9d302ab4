package lantest

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	readyWait = 10 * time.Second
	readyPoll = time.Millisecond
)

// awaitReady waits until the addresses of a link can be used. IPv4 addresses can be
// at once; for IPv6 the kernel finishes some steps after ip has ended.
func (k *Link) awaitReady() {
	k.host.lan.t.Helper()
	if k.host.mute {
		return
	}
	err := inSpace(k.host.space.name, func() error {
		for deadline := time.Now().Add(readyWait); ; <-time.After(readyPoll) {
			table, err := os.ReadFile("/proc/thread-self/net/if_inet6")
			if os.IsNotExist(err) {
				return nil // a kernel without IPv6
			}
			if err != nil || k.ready(string(table)) {
				return err
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("after %s the addresses of %s are not ready:\n%s", readyWait, k.Name, table)
			}
		}
	})
	if err != nil {
		k.host.lan.t.Fatalf("%s: %v", k.host.Name, err)
	}
}

// ready looks for the given addresses and for the link-local one that the kernel
// makes.
func (k *Link) ready(table string) bool {
	usable := map[netip.Addr]bool{}
	local := false
	for line := range strings.Lines(table) {
		fields := strings.Fields(line) // address, index, prefix, scope, flags, interface
		if len(fields) != 6 || fields[5] != k.Name || isTentative(fields[4]) {
			continue
		}
		b, _ := hex.DecodeString(fields[0])
		addr, _ := netip.AddrFromSlice(b)
		usable[addr] = true
		local = local || addr.IsLinkLocalUnicast()
	}
	for _, a := range k.addrs {
		if p, err := netip.ParsePrefix(a); err == nil && p.Addr().Is6() && !usable[p.Addr()] {
			return false
		}
	}
	return local
}

// isTentative tells from its flags that an address is not to be used yet.
func isTentative(flags string) bool {
	const tentative = 0x40 // IFA_F_TENTATIVE
	n, err := strconv.ParseUint(flags, 16, 32)
	return err != nil || n&tentative != 0
}
