package lantest

import (
	"fmt"
	"os/exec"
	"strings"
)

// A drop is what a firewall lets through in neither direction.
type drop struct {
	number int   // of the protocol
	ports  []int // at either end; none: all
}

// Firewall drops all that the host sends and all that is sent to it by a protocol,
// "tcp" or "udp", without a word; with ports: only what comes from or goes to one of
// these. It stands where the host's cables reach the switch, on those of later links
// too. It skips the test where there is no tc to build it with.
func (h *Host) Firewall(protocol string, ports ...int) {
	h.lan.t.Helper()
	number, ok := map[string]int{"tcp": 6, "udp": 17}[protocol]
	if !ok {
		h.lan.t.Fatalf("a firewall for %q: there is tcp and udp", protocol)
	}
	if _, err := exec.LookPath("tc"); err != nil {
		h.lan.t.Skip("a firewall takes the program tc, of iproute2")
	}
	d := drop{number, ports}
	h.drops = append(h.drops, d)
	for _, k := range h.links {
		k.drop(d)
	}
}

// drop sends packets to the hole: not every kernel has an action that drops them.
func (k *Link) drop(d drop) {
	k.host.lan.t.Helper()
	lines := []string{"qdisc replace dev " + k.port + " clsact"}
	for _, way := range []string{"ingress", "egress"} {
		for _, match := range d.matches() {
			lines = append(lines, fmt.Sprintf("filter add dev %s %s %s action mirred egress redirect dev %s", k.port, way, match, hole))
		}
	}
	cmd := exec.Command("tc", "-n", k.at.name, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		k.host.lan.t.Fatalf("tc: %v\n%s\n%s", err, strings.Join(lines, "\n"), out)
	}
}

// matches are the filters for what is to be dropped, in the words of tc.
func (d drop) matches() (all []string) {
	for family, word := range map[string]string{"ip": "ip", "ipv6": "ip6"} {
		head := fmt.Sprintf("protocol %s u32 match %s protocol %d 0xff", family, word, d.number)
		if len(d.ports) == 0 {
			all = append(all, head)
		}
		for _, port := range d.ports {
			for _, end := range []string{"sport", "dport"} {
				all = append(all, fmt.Sprintf("%s match %s %s %d 0xffff", head, word, end, port))
			}
		}
	}
	return all
}
