package lantest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A socket gets a copy of all that passes the interfaces of a namespace.
type socket struct {
	*os.File
	again []int // indices of interfaces that see again what came in at a port
}

const (
	captureBuffer = 64 << 20 // bytes, as frames and what the kernel keeps with them
	frameMax      = 1 << 17  // bytes: between namespaces they may be longer than on a cable
)

func openSocket() (socket, error) {
	var again []int
	for _, name := range []string{bridge, bottom} {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return socket{}, err
		}
		again = append(again, i.Index)
	}
	all := int(uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8) // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all)
	if err != nil {
		return socket{}, fmt.Errorf("open a packet socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer); err != nil {
		unix.Close(fd)
		return socket{}, fmt.Errorf("give a packet socket room: %w", err)
	}
	return socket{os.NewFile(uintptr(fd), "packets"), again}, nil
}

// gather hands on each frame that came in at a port, until the end.
func (s socket) gather(take func([]byte)) error {
	conn, err := s.SyscallConn()
	if err != nil {
		return err
	}
	buffer := make([]byte, frameMax)
	drain := func(fd uintptr) error {
		for {
			n, from, err := unix.Recvfrom(int(fd), buffer, 0)
			if err != nil {
				return err
			}
			if at, ok := from.(*unix.SockaddrLinklayer); ok && at.Pkttype != unix.PACKET_OUTGOING && !slices.Contains(s.again, at.Ifindex) {
				take(append([]byte(nil), buffer[:n]...))
			}
		}
	}
	var failed error
	err = conn.Read(func(fd uintptr) bool {
		failed = drain(fd)
		return !errors.Is(failed, unix.EAGAIN)
	})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.Join(err, failed)
	}
	return s.last(drain)
}

// last takes what has come meanwhile.
func (s socket) last(drain func(uintptr) error) (err error) {
	fd := s.Fd() // makes it block
	if err := unix.SetNonblock(int(fd), true); err != nil {
		return err
	}
	if err := drain(fd); !errors.Is(err, unix.EAGAIN) {
		return err
	}
	stats, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err == nil && stats.Drops > 0 {
		err = fmt.Errorf("%d of %d frames were lost", stats.Drops, stats.Packets)
	}
	return err
}

// end makes gather return.
func (s socket) end() { _ = s.SetReadDeadline(time.Now()) }

func (s socket) close() { _ = s.Close() }
