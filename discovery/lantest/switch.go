package lantest

import "fmt"

// A Switch is what hosts are plugged into.
type Switch struct {
	*space
	ports int
}

// Interfaces of a switch beside its ports.
const (
	bridge = "switch" // does the switching
	hole   = "hole"   // what is sent there comes out of the bottom, and is seen by nobody
	bottom = "bottom"
)

// Switch makes a switch that passes on everything, multicast to everybody.
func (l *LAN) Switch() *Switch {
	l.t.Helper()
	s := &Switch{space: l.space()}
	s.noIPv6() // the switch itself must not talk
	s.ip(
		"link add name "+bridge+" type bridge stp_state 0 mcast_snooping 0", "link set "+bridge+" up",
		"link add name "+hole+" type veth peer name "+bottom, "link set "+hole+" up", "link set "+bottom+" up",
	)
	return s
}

// nextPort names the switch's end of a new cable.
func (s *Switch) nextPort() string {
	s.ports++
	return fmt.Sprint("port", s.ports)
}
