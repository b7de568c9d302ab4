package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"musafir/node/api"
)

type peersDoc struct {
	Peers []api.Peer `json:"peers"`
}

func (a *app) peersCommand() *cobra.Command {
	return listing(a, "peers", "Show how this device stands with the others", "/v1/peers", printPeers)
}

func printPeers(w io.Writer, doc peersDoc) {
	if len(doc.Peers) == 0 {
		fmt.Fprintln(w, "This device knows no other yet. Let one join: musafir invite")
	}
	names := peerNames(doc.Peers)
	for i := range doc.Peers {
		fmt.Fprintf(w, "%s\t%s\n", names[i], strings.Join(peerWords(&doc.Peers[i], programVersion()), "; "))
	}
}

// peerNames gives those of the same name the end of their id too.
func peerNames(peers []api.Peer) []string {
	count := map[string]int{}
	for i := range peers {
		count[peers[i].Name]++
	}
	names := make([]string, len(peers))
	for i := range peers {
		p := &peers[i]
		if names[i] = peerName(p); p.Name != "" && count[p.Name] > 1 {
			names[i] += " (" + idEnd(p.ID) + ")"
		}
	}
	return names
}

func peerName(p *api.Peer) string {
	switch {
	case p.Name != "":
		return printable(p.Name)
	case p.ID != "":
		return "device " + idEnd(p.ID)
	}
	return printable(p.Address)
}

const clockWords = 2 * time.Second // clocks that differ by less are told as equal

// peerWords says how this device, whose program has that version, stands with
// another one.
func peerWords(p *api.Peer, version string) []string {
	words := []string{contact(p)}
	if what := difference(p); what != "" {
		words = append(words, what)
	}
	if p.Unmerged > 0 {
		words = append(words, fmt.Sprintf("it holds back %s", count(p.Unmerged, "entry", "entries")))
	}
	if off := time.Duration(p.ClockMs) * time.Millisecond; off.Abs() > clockWords {
		words = append(words, fmt.Sprintf("its clock is %s %s ours", off.Abs().Round(time.Second), map[bool]string{true: "ahead of", false: "behind"}[off > 0]))
	}
	if p.Version != "" && p.Version != version {
		words = append(words, "it runs version "+printable(p.Version))
	}
	words = append(words, lineageWords(&p.Lineage)...)
	if p.Problem != "" {
		words = append(words, printable(p.Problem))
	}
	return words
}

// contact says whether they are in touch, and since when not.
func contact(p *api.Peer) string {
	switch {
	case p.Connected:
		return "connected" + from(p.Address)
	case p.ID == "":
		return "nobody has answered there yet"
	case p.LastHeard == "":
		return "not connected, no contact with it so far"
	}
	return "not connected, last heard of " + localText(p.LastHeard)
}

// from is the other end's IP address: the port may be a passing one.
func from(address string) string {
	p, ok := parsePlace(address)
	if !ok {
		return ""
	}
	return " with " + p.at.Addr().String()
}

// difference says who lacks what.
func difference(p *api.Peer) string {
	switch {
	case p.ID == "", p.LastHeard == "" && !p.Connected:
		return "" // nothing is known of it
	case p.Synced:
		return "in sync"
	case p.Behind > 0 && p.Ahead:
		return fmt.Sprintf("it lacks %s of ours, and we some of its", count(p.Behind, "entry", "entries"))
	case p.Behind > 0:
		return "it is behind by " + count(p.Behind, "entry", "entries")
	case p.Ahead:
		return "we are behind"
	case p.Connected:
		return "comparing"
	}
	return "it had all of ours"
}

func count(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
