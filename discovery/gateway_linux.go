package discovery

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// systemRoutes reads the gateways out of the kernel's tables. Android shows them to
// no app; then there are none.
func systemRoutes() []netip.Addr {
	four, _ := os.ReadFile("/proc/net/route")
	six, _ := os.ReadFile("/proc/net/ipv6_route")
	return append(routes4(string(four)), routes6(string(six))...)
}

// routeGateway is the flag of routes by way of another machine.
const routeGateway = 0x2

// routes4 reads lines such as
//
//	eth0  00000000  0100A8C0  0003  0  0  100  00000000  0  0  0
//
// with destination, gateway, flags, and after three numbers the mask; addresses are
// numbers in the byte order of the machine.
func routes4(table string) (found []netip.Addr) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" || !byGateway(f[3]) {
			continue
		}
		if n, err := strconv.ParseUint(f[2], 16, 32); err == nil {
			var b [4]byte
			binary.NativeEndian.PutUint32(b[:], uint32(n))
			found = append(found, netip.AddrFrom4(b))
		}
	}
	return found
}

// routes6 reads lines such as
//
//	(32 zeros) 00 (32 zeros) 00 fd770000000000000000000000000001 00000400 00000001 00000000 00000003 eth0
//
// with destination, its length, source, its length, gateway, three numbers, flags.
func routes6(table string) (found []netip.Addr) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 || f[1] != "00" || !byGateway(f[8]) {
			continue
		}
		if b, err := hex.DecodeString(f[4]); err == nil && len(b) == 16 {
			found = append(found, netip.AddrFrom16([16]byte(b)))
		}
	}
	return found
}

func byGateway(flags string) bool {
	n, err := strconv.ParseUint(flags, 16, 32)
	return err == nil && n&routeGateway != 0
}
