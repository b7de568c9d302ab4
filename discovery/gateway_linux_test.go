package discovery

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// number is how the kernel writes four bytes on this machine.
func number(b ...byte) string { return fmt.Sprintf("%08X", binary.NativeEndian.Uint32(b)) }

func TestRoutes4(t *testing.T) {
	zero, gateway, subnet := number(0, 0, 0, 0), number(192, 168, 0, 1), number(192, 168, 0, 0)
	table := strings.Join([]string{
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
		"eth0\t" + zero + "\t" + gateway + "\t0003\t0\t0\t100\t" + zero + "\t0\t0\t0",
		"wwan0\t" + zero + "\t" + zero + "\t0001\t0\t0\t700\t" + zero + "\t0\t0\t0", // without a gateway
		"eth0\t" + subnet + "\t" + zero + "\t0001\t0\t0\t100\t" + number(255, 255, 255, 0) + "\t0\t0\t0",
		"tun0\t" + zero + "\t" + gateway + "\t0003\t0\t0\t0\t" + number(128, 0, 0, 0) + "\t0\t0\t0", // half of all
		"eth0\t" + zero + "\tGATEWAY!\t0003\t0\t0\t100\t" + zero + "\t0\t0\t0",
		"eth0\t" + zero,
		"",
	}, "\n")
	if got := routes4(table); !slices.Equal(got, ips("192.168.0.1")) {
		t.Errorf("gateways %v", got)
	}
}

func TestRoutes6(t *testing.T) {
	zero := strings.Repeat("0", 32)
	gateway := "fd770000000000000000000000000001"
	rest := " 00000400 00000001 00000000 "
	table := strings.Join([]string{
		zero + " 00 " + zero + " 00 " + gateway + rest + "00000003     eth0",
		zero + " 00 " + zero + " 00 " + zero + rest + "00200200       lo",
		"fd770000000000000000000000000000 40 " + zero + " 00 " + zero + rest + "00000001     eth0",
		zero + " 00 " + zero + " 00 nothing" + rest + "00000003     eth0",
		zero + " 00",
		"",
	}, "\n")
	if got := routes6(table); !slices.Equal(got, ips("fd77::1")) {
		t.Errorf("gateways %v", got)
	}
}
