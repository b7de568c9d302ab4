package main

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"

	"musafir/node"
	"musafir/node/transport"
)

// Windows has numbers of its own for these errors.
const (
	winRefused     = syscall.Errno(10061)
	winUnreachable = syscall.Errno(10065)
	winNoNetwork   = syscall.Errno(10051)
)

// whyNot says in words why a device was not reached.
func whyNot(err error) string {
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	var wrong *transport.WrongDeviceError
	var name *net.DNSError
	switch {
	case errors.As(err, &wrong):
		return "another device answers there, " + string(wrong.Found)
	case errors.As(err, &name):
		return "no device of that name is known here; its IP address would do"
	case is(syscall.ECONNREFUSED, winRefused):
		return "nothing listens there: musafir is not up, or has another port"
	case is(syscall.EHOSTUNREACH, syscall.ENETUNREACH, winUnreachable, winNoNetwork):
		return "there is no way to it: this device is in another network, or in none"
	case is(context.DeadlineExceeded, os.ErrDeadlineExceeded):
		return "no answer in time: it is off, in another network, or behind a firewall"
	case is(node.ErrSelf, transport.ErrSelf):
		return "that is this device itself"
	}
	text := err.Error()
	for _, known := range []string{"who answers at ", "reach device "} {
		if inner := errors.Unwrap(err); inner != nil && strings.HasPrefix(text, known) {
			return inner.Error() // who it is about is said already
		}
	}
	return text
}
