package main

import (
	"bytes"
	"crypto/ed25519"
	"reflect"
	"strings"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/api"
)

// A past is a camp to which what happened is added. Devices are numbered; the first
// entry is of number 0, who admits the others.
type past struct {
	t       *testing.T
	members *access.Camp
	camp    crdt.CampID
	last    crdt.Place // behind the last entry of the control log
	minute  int64
	logs    map[int]crdt.LogID
	under   map[int]crdt.EntryID // admissions
}

func numbered(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n), byte(n >> 8)}, ed25519.SeedSize/2))
}

func idNumbered(n int) crdt.DeviceID {
	return crdt.DeviceIDOf(numbered(n).Public().(ed25519.PublicKey))
}

func newPast(t *testing.T) *past {
	p := &past{t: t, logs: map[int]crdt.LogID{}, under: map[int]crdt.EntryID{}}
	birth := &crdt.Birth{
		Kind: crdt.ControlLog, Device: numbered(0).Public().(ed25519.PublicKey),
		Founding: &crdt.Founding{Camp: "Camp 4", Device: "desk", Recovery: numbered(99).Public().(ed25519.PublicKey)},
	}
	e := p.entry(birth.Change())
	id := e.ID(crdt.Place{})
	p.camp = crdt.CampID(id)
	p.members = access.New(p.camp)
	p.members.Add(crdt.Place{}, id, e)
	p.last = crdt.Place{Log: crdt.LogID(id), Seq: 1, Prev: id}
	p.logs[0], p.under[0] = crdt.LogID(id), id
	return p
}

// entry is one that a minute later than the one before has that change.
func (p *past) entry(c crdt.Change, err error) *crdt.Entry {
	check(p.t, err)
	p.minute++
	e, err := crdt.NewEntry(crdt.TimeAt(p.minute*60_000), nil, "", "", []crdt.Change{c})
	check(p.t, err)
	return e
}

// admit lets a device take part, which begins a log.
func (p *past) admit(n int, name string) {
	a := crdt.Admission{Device: numbered(n).Public().(ed25519.PublicKey), Role: crdt.RoleMember, Name: name}
	e := p.entry(a.Change())
	id := e.ID(p.last)
	p.members.Add(p.last, id, e)
	p.last.Seq, p.last.Prev, p.under[n] = p.last.Seq+1, id, id
	p.begin(n, &crdt.Birth{})
}

// renew lets a device go on with a new key, and gives the time of that.
func (p *past) renew(from, to int) string {
	p.under[to] = p.under[from]
	b := &crdt.Birth{Continues: p.logs[from]}
	public := numbered(to).Public().(ed25519.PublicKey)
	b.Proof = crdt.ContinuationProof(numbered(from), p.camp, b.Continues, public, b.Incarnation)
	p.begin(to, b)
	return time.UnixMilli(p.minute * 60_000).UTC().Format(apiTime)
}

func (p *past) begin(n int, b *crdt.Birth) {
	b.Camp, b.Kind, b.Device, b.Admission = p.camp, crdt.RecordLog, numbered(n).Public().(ed25519.PublicKey), p.under[n]
	e := p.entry(b.Change())
	id := e.ID(crdt.Place{})
	p.members.Add(crdt.Place{}, id, e)
	p.logs[n] = crdt.LogID(id)
}

// A told is what a notice says of a device whose key went on from one number's to
// another's.
type told struct {
	time     string
	kind     api.NoticeKind
	from, to int
	self     bool
	text     string // the beginning of it
}

// census is that of a device which sees other ids in use, by their numbers.
func (p *past) census(self int, used ...int) *census {
	c := &census{members: p.members, self: idNumbered(self), used: map[crdt.DeviceID]bool{}}
	for _, n := range append(used, self) {
		c.used[idNumbered(n)] = true
	}
	return c
}

// tells wants these notices from the device of that number.
func (p *past) tells(self int, want ...told) {
	p.t.Helper()
	p.telling(p.census(self), want...)
}

func (p *past) telling(c *census, want ...told) {
	p.t.Helper()
	got, self := c.notices(), c.self
	if len(got) != len(want) {
		p.t.Fatalf("device %s tells %+v", self, got)
	}
	for i, w := range want {
		n := got[i]
		from, to := string(idNumbered(w.from)), string(idNumbered(w.to))
		if n.Time != w.time || n.Kind != w.kind || n.Device != "tent" || n.ID != to || n.Former != from || n.Self != w.self {
			p.t.Errorf("device %s tells %+v, want %+v", self, n, w)
		}
		if ids := "as " + idEnd(to) + " (before: " + idEnd(from) + ")"; !strings.HasPrefix(n.Text, w.text+". ") || !strings.Contains(n.Text, ids) {
			p.t.Errorf("device %s tells %q, want %q", self, n.Text, w.text)
		}
	}
}

const (
	otherRenewed = `The device "tent" was found to be a copy, or to have been restored from an old copy`
	otherCopied  = `The device "tent" was found to be one of several copies, or to have been restored more than once`
	selfRenewed  = "This device was found to be a copy, or to have been restored from an old copy"
	selfCopied   = "This device was found to be one of several copies, or to have been restored more than once"
	twinFound    = "Another copy of this device was found"
)

func TestNotices(t *testing.T) {
	p := newPast(t)
	p.admit(1, "tent")
	p.tells(0)
	first := p.renew(1, 11)
	p.tells(0, told{first, api.NoticeRenewed, 1, 11, false, otherRenewed})
	p.tells(11, told{first, api.NoticeRenewed, 1, 11, true, selfRenewed})
	p.tells(1, told{first, api.NoticeCopied, 1, 11, false, twinFound}) // the key is in use still: here
	p.telling(p.census(0, 1, 11), told{first, api.NoticeCopied, 1, 11, false, otherCopied})
	second := p.renew(1, 12)
	p.tells(0, told{second, api.NoticeCopied, 1, 12, false, otherCopied}, told{first, api.NoticeCopied, 1, 11, false, otherCopied})
	p.tells(11, told{second, api.NoticeCopied, 1, 12, false, twinFound}, told{first, api.NoticeCopied, 1, 11, true, selfCopied})
	third := p.renew(11, 13)
	p.tells(13, told{third, api.NoticeRenewed, 11, 13, true, selfRenewed},
		told{second, api.NoticeCopied, 1, 12, false, twinFound}, told{first, api.NoticeCopied, 1, 11, true, selfCopied})
}

// The newest are told, and no more than there may be.
func TestNoticesMax(t *testing.T) {
	p := newPast(t)
	p.admit(1, "tent")
	var want []told
	for n := range api.NoticesMax + 5 {
		want = append([]told{{p.renew(n+1, n+2), api.NoticeRenewed, n + 1, n + 2, false, otherRenewed}}, want...)
	}
	p.tells(0, want[:api.NoticesMax]...)
}

func TestLineage(t *testing.T) {
	p := newPast(t)
	p.admit(1, "tent")
	first := p.renew(1, 11)
	second := p.renew(1, 12)
	third := p.renew(11, 13)
	m, _ := p.members.Member(idNumbered(1))
	texts := func(numbers ...int) (ids []string) {
		for _, n := range numbers {
			ids = append(ids, string(idNumbered(n)))
		}
		return ids
	}
	for _, tt := range []struct {
		id, self int
		want     api.Lineage
		used     []int
	}{
		{13, 0, api.Lineage{Former: texts(1, 11), Renewed: third, Twins: texts(12)}, nil},
		{12, 0, api.Lineage{Former: texts(1), Renewed: second, Twins: texts(13)}, nil},
		{11, 0, api.Lineage{Former: texts(1), Renewed: first, Twins: texts(12, 13)}, nil},
		{1, 0, api.Lineage{Twins: texts(12, 13)}, nil},
		{1, 0, api.Lineage{Twins: texts(12, 13)}, []int{1}},
		{12, 1, api.Lineage{Former: texts(1), Renewed: second, Twins: texts(13, 1)}, nil}, // this device has it
		{13, 0, api.Lineage{Former: texts(1, 11), Renewed: third, Twins: texts(12, 1, 11)}, []int{1, 11}},
	} {
		if got := p.census(tt.self, tt.used...).lineage(&m, idNumbered(tt.id)); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%d, as %d tells it: %+v, want %+v", tt.id, tt.self, got, tt.want)
		}
	}
	desk, _ := p.members.Member(idNumbered(0))
	if got := p.census(13).lineage(&desk, idNumbered(0)); !reflect.DeepEqual(got, api.Lineage{}) {
		t.Errorf("of a device that was never renewed: %+v", got)
	}
}
