package main

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"musafir/crdt"
	"musafir/discovery"
	"musafir/node"
	"musafir/node/access"
	"musafir/node/api"
	"musafir/node/doctor"
	"musafir/node/replica"
)

// Doctor says why this device meets others or does not. One that is not up has looked
// for nobody before it is asked.
func (d *device) Doctor(ctx context.Context, clocks []api.Advice) (api.Diagnosis, error) {
	if d.reach.look {
		select {
		case <-time.After(lookFor):
		case <-ctx.Done():
			return api.Diagnosis{}, ctx.Err()
		}
	}
	peers, err := d.Node.Peers(ctx)
	if err != nil {
		return api.Diagnosis{}, err
	}
	f := d.facts(peers)
	for _, c := range clocks {
		f.Clocks = append(f.Clocks, doctor.Finding{Level: doctor.Problem, Text: c.Text, Remedy: c.Remedy})
	}
	return diagnose(f, d.report()), nil
}

// report has the interfaces as they are at this moment, with the counts of the finder,
// which looks at them every two seconds.
func (d *device) report() discovery.Report {
	r := discovery.New(discovery.Config{}).Report()
	if d.lan == nil {
		return r
	}
	counted := map[string]discovery.InterfaceReport{}
	for _, i := range d.lan.Report().Interfaces {
		counted[i.Name] = i
	}
	for n := range r.Interfaces {
		i := &r.Interfaces[n]
		c := counted[i.Name]
		i.Asked, i.Answered, i.Heard, i.Opened, i.Strangers, i.Others = c.Asked, c.Answered, c.Heard, c.Opened, c.Strangers, c.Others
		i.LastHeard, i.Err = c.LastHeard, c.Err
	}
	return r
}

// looks tells whether and how this device looks for others.
func (d *device) looks() doctor.Look {
	switch {
	case len(d.reach.listen) == 0:
		return doctor.Down
	case !forLAN(d.reach.listen):
		return doctor.Local
	case d.reach.quiet:
		return doctor.Quiet
	}
	return doctor.Looks
}

// diagnose adds what is known of the interfaces, and tells what to make of it all.
func diagnose(f doctor.Facts, r discovery.Report) api.Diagnosis {
	f.Now, f.Hidden, f.Gateways = time.Now(), r.Err, discovery.Gateways()
	for _, i := range r.Interfaces {
		f.Interfaces = append(f.Interfaces, interfaceFacts(i))
	}
	doc := api.Diagnosis{Interfaces: []api.Interface{}, Heard: []api.Heard{}, Findings: []api.Finding{}}
	for i := range r.Interfaces {
		doc.Interfaces = append(doc.Interfaces, interfaceDoc(r.Interfaces[i], &f.Interfaces[i]))
	}
	for _, h := range f.Heard {
		doc.Heard = append(doc.Heard, heardDoc(h, f.Peers))
	}
	for _, x := range doctor.Diagnose(f) {
		doc.Findings = append(doc.Findings, api.Finding{Level: string(x.Level), Text: x.Text, Remedy: x.Remedy})
	}
	return doc
}

// carrierDoubt is how long a device that was heard speaks for a network of which the
// driver says that there is none: some report it wrongly.
const carrierDoubt = 5 * time.Second

// interfaceFacts leaves "vpn or container" as the one rank that matters.
func interfaceFacts(i discovery.InterfaceReport) doctor.Interface {
	f := doctor.Interface{
		Name: i.Name, Addrs: i.Addrs, Up: i.Up, Connected: i.Connected || time.Since(i.LastHeard) < carrierDoubt, Multicast: i.Multicast, Loopback: i.Loopback,
		Virtual: i.Ranked != "lan", Unusable: i.Unusable,
		Asked: i.Asked, Answered: i.Answered, Heard: i.Heard, Strangers: i.Strangers, Others: i.Others, LastHeard: i.LastHeard,
	}
	f.Faults = faultsOf(i.Err)
	return f
}

// faultsOf takes apart what a report says to have failed: a line or more for each,
// which begins with what.
func faultsOf(text string) (faults []doctor.Fault) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		doing, why, _ := strings.Cut(line, ": ")
		switch {
		case doing == doctor.Answering, strings.HasPrefix(doing, "ask by "), len(faults) == 0:
			faults = append(faults, doctor.Fault{Doing: doing, Why: why})
		default:
			faults[len(faults)-1].Why += "; " + line
		}
	}
	return faults
}

func interfaceDoc(i discovery.InterfaceReport, f *doctor.Interface) api.Interface {
	doc := api.Interface{
		Name: i.Name, Addresses: []string{}, State: string(f.State()), Up: i.Up, Connected: i.Connected, Multicast: i.Multicast,
		Loopback: i.Loopback, Virtual: f.Virtual, Asked: i.Asked, Answered: i.Answered, Heard: i.Heard, Camp: i.Opened,
		Strangers: i.Strangers, Others: i.Others, LastHeard: timeText(i.LastHeard), Problem: strings.ReplaceAll(i.Err, "\n", "; "),
	}
	for _, a := range i.Addrs {
		doc.Addresses = append(doc.Addresses, a.String())
	}
	return doc
}

// timeText is "" for no time.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(apiTime)
}

func heardDoc(h doctor.Heard, peers []doctor.Peer) api.Heard {
	doc := api.Heard{
		ID: string(h.ID), Name: h.Name, Addresses: []string{}, Interface: h.On, LastHeard: timeText(h.At), Same: h.Same,
		Connected: slices.ContainsFunc(peers, func(p doctor.Peer) bool { return p.ID == h.ID && p.Connected }),
	}
	for _, a := range h.Addrs {
		doc.Addresses = append(doc.Addresses, a.String())
	}
	return doc
}

// facts are what this device knows of the others.
func (d *device) facts(peers []node.Peer) doctor.Facts {
	members, self := d.Members()
	list := devicesDoc{Devices: d.Devices()}
	k := known{members: members, names: list.names(), turnedAway: map[crdt.DeviceID]node.Seen{}}
	_, camp := d.Camp()
	f := doctor.Facts{Look: d.looks(), Camp: printable(camp), Alone: len(list.Devices) < 2, Listen: farHosts(d.addrs())}
	for _, s := range d.Seen() {
		k.see(&f, s)
	}
	for _, p := range peers {
		if p.ID != self { // an address that leads here
			k.know(&f, p)
		}
	}
	return f
}

// farHosts are the IP addresses in multiaddrs that other machines can reach.
func farHosts(places []string) (hosts []netip.Addr) {
	for _, s := range places {
		if p, ok := parsePlace(s); ok && !p.at.Addr().IsLoopback() && !slices.Contains(hosts, p.at.Addr()) {
			hosts = append(hosts, p.at.Addr())
		}
	}
	return hosts
}

// known sorts devices into facts.
type known struct {
	members    *access.Camp
	names      deviceNames
	turnedAway map[crdt.DeviceID]node.Seen
}

// see adds a device that was heard or turned away.
func (k *known) see(f *doctor.Facts, s node.Seen) {
	_, member := k.members.Member(s.Device)
	if !s.At.IsZero() {
		tcp, udp := ports(s.Addrs)
		f.Heard = append(f.Heard, doctor.Heard{
			ID: s.Device, Name: k.names[string(s.Device)], Addrs: farHosts(s.Addrs), TCP: tcp, UDP: udp, On: s.On, At: s.At, Same: s.Same,
		})
	}
	switch {
	case s.Refused == "":
	case member:
		k.turnedAway[s.Device] = s
	default:
		f.Strangers = append(f.Strangers, doctor.Stranger{ID: s.Device, At: s.RefusedAt, Why: s.Refused})
	}
}

// know adds a device of the camp, or an address at which none of them is.
func (k *known) know(f *doctor.Facts, p node.Peer) {
	if _, member := k.members.Member(p.ID); member {
		f.Peers = append(f.Peers, k.peer(p))
	} else if !p.Connected {
		f.Places = append(f.Places, doctor.Place{Addr: p.Addr, Answers: p.ID, Failure: failureOf(p.Err)})
	}
}

func (k *known) peer(p node.Peer) doctor.Peer {
	doc := doctor.Peer{ID: p.ID, Name: k.names[string(p.ID)], Connected: p.Connected, Typed: p.Addr, Failure: failureOf(p.Err)}
	if p.LastHeard > 0 {
		doc.LastContact = time.UnixMilli(p.LastHeard)
	}
	doc.Refused, doc.RefusedUs = strings.CutPrefix(p.Refused, replica.EndedIt)
	if s := k.turnedAway[p.ID]; doc.Refused == "" && s.RefusedAt.After(doc.LastContact) {
		doc.Refused, doc.RefusedUs = s.Refused, false
	}
	return doc
}

// failureOf sorts errors for advice.
func failureOf(err error) doctor.Failure {
	if err == nil {
		return doctor.Failure{}
	}
	f := doctor.Failure{Kind: doctor.Other, Text: whyNot(err)}
	switch {
	case isRefused(err):
		f.Kind = doctor.Nobody
	case isUnreachable(err):
		f.Kind = doctor.NoWay
	case isTimeout(err):
		f.Kind = doctor.Silence
	}
	return f
}
