package doctor

import (
	"net/netip"
	"time"

	"musafir/crdt"
)

// Facts are what a device knows of the networks and devices around it.
type Facts struct {
	Now     time.Time
	Look    Look
	Trouble Finding // why the data is not open; of Shut only
	Camp    string  // its name
	Alone   bool    // the camp has no other device

	Listen     []netip.Addr // at which other machines reach this device
	Gateways   []netip.Addr // routers, or phones that share their connection
	Interfaces []Interface
	Hidden     string // why the interfaces are not known; "": they are

	Heard     []Heard    // on the local network, devices of the camp or once of it
	Peers     []Peer     // all other devices of the camp
	Places    []Place    // addresses that somebody typed, where none of them is
	Strangers []Stranger // devices outside of the camp that this one turned away
	Clocks    []Finding  // which clocks are wrong, by those in touch
}

// Look is whether and how a device looks for others on the local network.
type Look int

const (
	Looks Look = iota // it runs, looks, and is found
	Local             // it runs, and listens on its own machine only
	Quiet             // it runs, and was told not to look
	Down              // it does not run; somebody looked for a few seconds on its behalf
	Shut              // likewise, and there is no camp, or one that cannot be opened
)

// running tells whether other devices can be in touch with it.
func (l Look) running() bool { return l != Down && l != Shut }

// asks tells whether anybody asked for other devices.
func (l Look) asks() bool { return l != Local && l != Quiet }

// An Interface leads to a network. The counts are since it appeared.
type Interface struct {
	Name      string
	Addrs     []netip.Prefix // each with the length of its subnet
	Up        bool           // turned on
	Connected bool           // there is a cable, or Wi-Fi has joined a network
	Multicast bool
	Loopback  bool
	Virtual   bool   // of a VPN or of containers
	Unusable  string // why it is not used, behind "the interface"; "": it is

	Asked     int       // questions
	Answered  int       // questions of others that got our answer
	Heard     int       // answers of Musafir devices
	Strangers int       // of these, those that none of our keys opens
	Others    int       // answers of other things
	LastHeard time.Time // of a Musafir device
	Faults    []Fault   // what fails now
}

// A Fault is something that fails on an interface.
type Fault struct {
	Doing string // "answer", "ask by IPv4", "ask by IPv6"
	Why   string // as the system says it
}

// Answering is the one fault that other devices suffer from.
const Answering = "answer"

// A Heard is a device that answered on the local network.
type Heard struct {
	ID       crdt.DeviceID
	Name     string       // "": it is not in the camp
	Addrs    []netip.Addr // where it says that it is
	TCP, UDP uint16       // ports; 0: none
	On       string       // the interface
	At       time.Time    // the last time
	Same     bool         // it holds what this device does
}

// A Peer is another device of the camp.
type Peer struct {
	ID          crdt.DeviceID
	Name        string
	Connected   bool
	LastContact time.Time // zero: never
	Typed       string    // the address that leads to it, if somebody typed one
	Failure     Failure
	Refused     string // why the last session was broken off; "": it was not
	RefusedUs   bool   // by the other one
}

// A Place is an address that somebody typed.
type Place struct {
	Addr    string
	Answers crdt.DeviceID // who does, and is not in the camp; "": nobody
	Failure Failure
}

// A Stranger is a device outside of the camp.
type Stranger struct {
	ID  crdt.DeviceID
	At  time.Time // when it was turned away
	Why string
}

// A Failure is how the last attempt to reach a device went.
type Failure struct {
	Kind Kind
	Text string // why, in words
}

// Kind is what sort of failure it was.
type Kind int

const (
	None    Kind = iota // there was no attempt yet, or it went well
	Silence             // no answer
	Nobody              // the machine is there, and nothing listens
	NoWay               // there is no route to it
	Other
)
