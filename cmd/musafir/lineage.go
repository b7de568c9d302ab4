package main

import (
	"context"
	"slices"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/access"
	"musafir/node/api"
)

// A census is who takes part in the camp, as far as this device knows.
type census struct {
	members *access.Camp
	self    crdt.DeviceID
	used    map[crdt.DeviceID]bool // ids that were seen in use lately
}

func (d *device) census(peers []node.Peer) *census {
	members, self := d.Members()
	c := &census{members: members, self: self, used: map[crdt.DeviceID]bool{self: true}}
	for i := range peers {
		if p := &peers[i]; p.Connected || p.LastHeard > 0 {
			c.used[p.ID] = true
		}
	}
	return c
}

// censusNow asks the node, which answers within a turn of its loop.
func (d *device) censusNow() *census {
	peers, _ := d.Node.Peers(context.Background()) // a node that stops tells of nobody
	return d.census(peers)
}

// ids are those under which a member goes on. One from which a copy went on under
// another is among them if it is in use: that copy noticed, and this one had no need.
func (c *census) ids(m *access.Member) []crdt.DeviceID {
	ids := m.Current()
	for _, r := range m.Renewals {
		if c.used[r.From] && !slices.Contains(ids, r.From) {
			ids = append(ids, r.From)
		}
	}
	return ids
}

// lineage is what a member's device with that id was before.
func (c *census) lineage(m *access.Member, id crdt.DeviceID) (doc api.Lineage) {
	for _, former := range m.Former(id) {
		doc.Former = append(doc.Former, string(former))
	}
	if r, ok := m.Renewal(id); ok {
		doc.Renewed = r.Time.Wall().Format(apiTime)
	}
	for _, twin := range c.ids(m) {
		if twin != id {
			doc.Twins = append(doc.Twins, string(twin))
		}
	}
	return doc
}
