package main

import (
	"cmp"
	"fmt"
	"slices"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/api"
)

// Notices tell which devices were copied or restored. They are read off the logs, so
// that every device tells the same, and for ever.
func (d *device) Notices() []api.Notice { return d.censusNow().notices() }

// An episode is a device's coming by a new key.
type episode struct {
	access.Renewal
	of *access.Member
}

// notices are the newest.
func (c *census) notices() []api.Notice {
	all := c.members.Members()
	var episodes []episode
	for i := range all {
		for _, r := range all[i].Renewals {
			episodes = append(episodes, episode{r, &all[i]})
		}
	}
	slices.SortFunc(episodes, func(a, b episode) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.To, b.To))
	})
	var list []api.Notice
	for _, e := range episodes[:min(len(episodes), api.NoticesMax)] {
		list = append(list, c.notice(&e))
	}
	return list
}

func (c *census) notice(e *episode) api.Notice {
	return api.Notice{
		Time: e.Time.Wall().Format(apiTime), Kind: c.kind(e), Device: e.of.Name,
		ID: string(e.To), Former: string(e.From), Self: e.isOf(c.self), Text: c.text(e),
	}
}

// kind tells a copy from what may be a copy or a restored device: of a copy it is
// known only where two go on from the same key, or the key is in use still.
func (c *census) kind(e *episode) api.NoticeKind {
	another := func(r access.Renewal) bool { return r.From == e.From && r.To != e.To }
	if c.used[e.From] || slices.ContainsFunc(e.of.Renewals, another) {
		return api.NoticeCopied
	}
	return api.NoticeRenewed
}

// isOf tells whether it lies in the past of the device with that id.
func (e *episode) isOf(id crdt.DeviceID) bool {
	return e.To == id || slices.Contains(e.of.Former(id), e.To)
}

func (c *census) text(e *episode) string {
	return fmt.Sprintf("%s. It goes on with a new key and a new log, as %s (before: %s). No record is lost. "+
		"If nobody of the team did this, somebody else may hold the camp's records.",
		c.found(e), idEnd(string(e.To)), idEnd(string(e.From)))
}

func (c *census) found(e *episode) string {
	who := fmt.Sprintf("The device %q", e.of.Name)
	switch {
	case e.isOf(c.self):
		who = "This device"
	case e.of.Has(c.self):
		return "Another copy of this device was found"
	}
	if c.kind(e) == api.NoticeCopied {
		return who + " was found to be one of several copies, or to have been restored more than once"
	}
	return who + " was found to be a copy, or to have been restored from an old copy"
}
