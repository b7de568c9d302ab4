package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A Report is why devices find each other, or do not. Counts are since the interface
// appeared.
type Report struct {
	Err        string // why the interfaces are not known; some systems do not tell apps
	Interfaces []InterfaceReport
}

// An InterfaceReport is about one interface.
type InterfaceReport struct {
	Name      string
	Addrs     []netip.Prefix // each with the length of its subnet
	Up        bool           // turned on
	Connected bool           // there is a cable, or Wi-Fi has joined a network
	Multicast bool
	Loopback  bool
	Ranked    string // "lan", or "vpn or container": used after all others
	Unusable  string // why it is not used, behind "the interface"; "": it is

	Asked     int // questions sent
	Answered  int // questions of others that got our notice
	Heard     int // answers of other Musafir devices
	Opened    int // of these, those that one of our keys opens
	Strangers int // of these, those of other camps
	Others    int // answers of other things: printers, phones. They show that multicast passes
	LastHeard time.Time
	Err       string // what failed last and did not work again since
}

// Report tells how it goes now. Before Run it tells of the interfaces only.
func (f *Finder) Report() Report {
	links, err := f.known()
	if links == nil && err == nil {
		links, err = f.list()
	}
	var r Report
	if err != nil {
		r.Err = err.Error()
	}
	used := chosenLinks(links)
	for _, l := range links {
		i := f.tally(l.name).report(l)
		if i.Unusable == "" && !slices.ContainsFunc(used, func(u link) bool { return u.name == l.name }) {
			i.Unusable = fmt.Sprintf("is one too many: %d are used at once", maxPorts)
		}
		r.Interfaces = append(r.Interfaces, i)
	}
	return r
}

// What can fail on an interface.
const (
	serving = iota
	asking4
	asking6
	activities
)

var activityNames = [activities]string{"answer", "ask by IPv4", "ask by IPv6"}

// A tally counts what happens on one interface.
type tally struct {
	mu        sync.Mutex // guards what follows
	asked     int
	answered  int
	count     heardCount
	lastHeard time.Time
	errs      [activities]error
}

func (t *tally) ask() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
}

func (t *tally) answer() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered++
}

func (t *tally) hear(c heardCount, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count.add(c)
	if c.heard > 0 {
		t.lastHeard = now
	}
}

// result notes how an activity went; nil: well.
func (t *tally) result(activity int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("%s: %w", activityNames[activity], err)
	}
	t.errs[activity] = err
}

func (t *tally) report(l link) InterfaceReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := InterfaceReport{
		Name: l.name, Addrs: slices.Clone(l.addrs),
		Up: l.flags&net.FlagUp != 0, Connected: l.flags&net.FlagRunning != 0,
		Multicast: l.flags&net.FlagMulticast != 0, Loopback: l.flags&net.FlagLoopback != 0,
		Ranked: "lan", Unusable: l.unusable(),
		Asked: t.asked, Answered: t.answered,
		Heard: t.count.heard, Opened: t.count.opened, Strangers: t.count.strangers, Others: t.count.others,
		LastHeard: t.lastHeard,
	}
	if l.virtual() {
		r.Ranked = "vpn or container"
	}
	if err := errors.Join(t.errs[:]...); err != nil {
		r.Err = err.Error()
	}
	return r
}

// note keeps what the system said about the interfaces. Counts of those that are
// gone go with them.
func (f *Finder) note(links []link, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listErr = err; err != nil {
		return
	}
	f.links = links
	for name := range f.tallies {
		if !slices.ContainsFunc(links, func(l link) bool { return l.name == name }) {
			delete(f.tallies, name)
		}
	}
}
