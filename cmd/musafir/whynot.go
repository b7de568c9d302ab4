package main

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
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

// isAny tells whether an error is one of those.
func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
}

func isRefused(err error) bool { return isAny(err, syscall.ECONNREFUSED, winRefused) }

func isUnreachable(err error) bool {
	return isAny(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, winUnreachable, winNoNetwork)
}

func isTimeout(err error) bool { return isAny(err, context.DeadlineExceeded, os.ErrDeadlineExceeded) }

// whyNot says in words why a device was not reached.
func whyNot(err error) string {
	var wrong *transport.WrongDeviceError
	var name *net.DNSError
	switch {
	case errors.As(err, &wrong):
		return "another device answers there, " + string(wrong.Found)
	case errors.As(err, &name):
		return "no device of that name is known here; its IP address would do"
	case isRefused(err):
		return "nothing listens there: musafir is not up, or has another port"
	case isUnreachable(err):
		if isAny(err, syscall.EHOSTUNREACH, winUnreachable) {
			return "nothing answers there: it is off, out of reach, or a firewall refuses"
		}
		return "there is no way to it: this device is in another network, or in none"
	case isAny(err, syscall.EPERM, syscall.EACCES):
		return "a firewall on this device forbids it: let it pass TCP and UDP port 7668"
	case isTimeout(err):
		return "no answer in time: it is off, in another network, or behind a firewall"
	case isAny(err, node.ErrSelf, transport.ErrSelf):
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
