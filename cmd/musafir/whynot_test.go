package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"musafir/node"
	"musafir/node/transport"
)

func TestWhyNot(t *testing.T) {
	for want, err := range map[string]error{
		"another device answers there, found": &transport.WrongDeviceError{Expected: "meant", Found: "found"},
		"its IP address would do":             &net.DNSError{Err: "no such host"},
		"nothing listens there":               syscall.ECONNREFUSED,
		"there is no way to it":               errors.Join(syscall.ENETUNREACH, errors.New("x")),
		"nothing answers there":               syscall.EHOSTUNREACH,
		"a firewall on this device":           syscall.EPERM,
		"no answer in time":                   context.DeadlineExceeded,
		"behind a firewall":                   os.ErrDeadlineExceeded,
		"this device itself":                  node.ErrSelf,
	} {
		if got := whyNot(fmt.Errorf("reach device x: %w", err)); !strings.Contains(got, want) {
			t.Errorf("%v: %q", err, got)
		}
	}
	if got := whyNot(fmt.Errorf("who answers at x: %w", errors.New("what answers is no device of ours"))); got != "what answers is no device of ours" {
		t.Error(got)
	}
	if got := whyNot(errors.New("odd")); got != "odd" {
		t.Error(got)
	}
}
