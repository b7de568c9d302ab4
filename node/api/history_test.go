package api_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"musafir/crdt"
)

type history struct {
	Entries []struct {
		Entry, Device, Author string
		Time                  time.Time
		Changes               []struct {
			Field, Op string
			Value     any
		}
		Saw []string
	}
}

// One record, edited 20 times by three people, with stale versions, a conflict, a
// deletion and its end: each state can be had again.
func TestHistoryAndTimeTravel(t *testing.T) {
	s := newSite(t)
	people := []string{"Amina", "Noor", "Rahima"}
	var states []record
	read := map[string]record{}
	for i := range 20 {
		who := people[i%3]
		headers := []string{"Musafir-Author: " + who}
		if known, ok := read[who]; ok && i%4 == 0 {
			headers = append(headers, match(known)) // has not looked since
		}
		switch i {
		case 9:
			s.do("DELETE", "/v1/records/c/a", "", headers...).want(204)
		case 10:
			s.do("POST", "/v1/records/c/a/undelete", "", headers...).want(200)
		default:
			s.do("PATCH", "/v1/records/c/a", fmt.Sprintf(`{"f%d":%d,"last":%d}`, i%5, i, i), headers...)
		}
		read[who] = s.get("c/a")
		states = append(states, read[who])
	}
	h := into[history](s.do("GET", "/v1/records/c/a/history", ""))
	if len(h.Entries) != 20 {
		t.Fatalf("%d entries", len(h.Entries))
	}
	for i, e := range h.Entries {
		if e.Author != people[i%3] || e.Device == "" || len(e.Entry) != 64 {
			t.Errorf("entry %d: %+v", i, e)
		}
		if i > 0 && len(e.Saw) == 0 {
			t.Errorf("entry %d saw nothing", i)
		}
		got := s.do("GET", "/v1/records/c/a?at="+e.Entry[:32], "").record()
		want := states[i]
		if string(got.Fields) != string(want.Fields) || got.Deleted != want.Deleted || got.Version != want.Version ||
			len(got.Conflicts) != len(want.Conflicts) || !got.Updated.Equal(want.Updated) {
			t.Errorf("at entry %d: %+v\nwas %+v", i, got, want)
		}
	}
	if c := h.Entries[9].Changes; len(c) != 1 || c[0].Field != "" || c[0].Value != "deleted" {
		t.Errorf("the deletion is %+v", c)
	}
	if c := h.Entries[10].Changes; len(c) != 1 || c[0].Value != "alive" {
		t.Errorf("the undeletion is %+v", c)
	}
	now := s.do("GET", "/v1/records/c/a?at="+url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339)), "").record()
	if now.Version != states[19].Version {
		t.Error("at a time to come it is not as it is now")
	}
	s.do("GET", "/v1/records/c/a?at=2001-01-01T00:00:00%2B06:00", "").problem(404, "not been written by then")
	s.do("GET", "/v1/records/c/a?at=2001-01-01T00:00:00+06:00", "").problem(404, "not been written by then")
	s.do("GET", "/v1/records/c/a?at=00000000000000000000000000000000", "").problem(404, "No entry")
}

func TestHistoryNamesEveryOperation(t *testing.T) {
	s := newSite(t)
	s.put("c/a", `{"gone":1}`)
	s.do("POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"a","set":{"s":{"x/y":1}},"remove":["gone"],
		"max":{"m":5},"increment":{"n":-3},"add_to_set":{"tags":["a","b"]}}]}`).want(200)
	s.do("POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"a","remove_from_set":{"tags":["a"]}}]}`).want(200)
	doc := into[struct {
		Entries []struct{ Changes json.RawMessage }
	}](s.do("GET", "/v1/records/c/a/history", ""))
	want := []string{
		`[{"field":"gone","op":"set","value":1}]`,
		`[{"field":"gone","op":"remove"},{"field":"m","op":"max","value":5},{"field":"n","op":"increment","value":-3},{"field":"s/x~1y","op":"set","value":1},{"field":"tags","op":"add_to_set","value":"a"},{"field":"tags","op":"add_to_set","value":"b"}]`,
		`[{"field":"tags","op":"remove_from_set","value":"a"}]`,
	}
	for i, w := range want {
		if got := string(doc.Entries[i].Changes); got != w {
			t.Errorf("changes %s\nwant %s", got, w)
		}
	}
	s.do("GET", "/v1/records/c/a", "").fields(`{"m":5,"n":-3,"s":{"x/y":1},"tags":["b"]}`)
}

// An entry of another device, whose clock is a year behind, comes after what its
// author had seen, and is shown with that device.
func TestHistoryIsCausal(t *testing.T) {
	s := newSite(t)
	s.put("c/a", `{"n":1}`, "Musafir-Author: here")
	other := otherDevice(t, s.device)
	other.write(t, setN(2), time.Now().AddDate(-1, 0, 0), "there")
	h := into[history](s.do("GET", "/v1/records/c/a/history", ""))
	if len(h.Entries) != 2 || h.Entries[1].Author != "there" || h.Entries[1].Device != string(other.id) {
		t.Fatalf("history %+v", h)
	}
	if !slices.Equal(h.Entries[1].Saw, []string{h.Entries[0].Entry}) {
		t.Errorf("saw %v", h.Entries[1].Saw)
	}
	// By then, says the clock of the other device, only its own entry was there.
	at := time.Now().AddDate(0, -6, 0).UTC().Format(time.RFC3339)
	s.do("GET", "/v1/records/c/a?at="+at, "").fields(`{"n":2}`)
}

func setN(n int64) *crdt.Edit {
	return &crdt.Edit{Key: crdt.RecordKey{Collection: "c", ID: "a"}, Set: []crdt.Field{{Key: "n", Value: crdt.Int(n)}}}
}

// Entries of which none saw the other stand in the order of their times.
func TestHistoryOfManyDevices(t *testing.T) {
	s := newSite(t)
	key := setN(0).Key
	blank := &crdt.Record{Key: key}
	now := time.Now()
	for i, minutes := range []int{5, 1, 4, 2, 3} {
		otherDevice(t, s.device).writeOn(t, blank, setN(int64(i)), now.Add(time.Duration(minutes)*time.Minute), fmt.Sprint(minutes), false)
	}
	var order string
	for _, e := range into[history](s.do("GET", "/v1/records/c/a/history", "")).Entries {
		order += e.Author
	}
	if order != "12345" {
		t.Errorf("order %s", order)
	}
	if r := s.do("GET", "/v1/records/c/a", "").fields(`{"n":0}`); len(r.Conflicts["n"]) != 4 {
		t.Errorf("conflicts %+v", r.Conflicts)
	}
}

func TestErasedValues(t *testing.T) {
	s := newSite(t)
	blank := &crdt.Record{Key: setN(0).Key}
	otherDevice(t, s.device).writeOn(t, blank, setN(1), time.Now(), "gone", true)
	s.do("GET", "/v1/records/c/a", "").fields(`{}`)
	otherDevice(t, s.device).writeOn(t, blank, setN(2), time.Now().Add(time.Minute), "here", false)
	r := s.do("GET", "/v1/records/c/a", "").fields(`{"n":2}`)
	if x := r.Conflicts["n"]; len(x) != 1 || !x[0].Erased || x[0].Value != nil || x[0].Author != "gone" {
		t.Errorf("conflicts %+v", r.Conflicts)
	}
	a := s.do("GET", "/v1/records/c/a/history", "").want(200)
	if !strings.Contains(string(a.body), `"changes":[{"field":"n","op":"set","value":null,"erased":true}]`) {
		t.Errorf("history %s", a.body)
	}
	s.do("GET", "/v1/conflicts", "").want(200)
	if a := s.do("GET", "/v1/export", "").want(200); string(a.body) != `{"collection":"c","id":"a","fields":{"n":2}}`+"\n" {
		t.Errorf("export %s", a.body)
	}
}

func TestQuarantinedEntriesStayInTheHistory(t *testing.T) {
	s, f := newFaultySite(t)
	s.put("c/a", `{"n":1}`)
	s.put("c/a", `{"n":2}`)
	f.touch = func(x *crdt.Touch) {
		x.Merged = x.Change.Writes[0].Value.Int() != 2
		x.Phone = "phone-7"
	}
	a := s.do("GET", "/v1/records/c/a/history", "").want(200)
	if text := string(a.body); strings.Count(text, `"quarantined":true`) != 1 || strings.Count(text, `"phone":"phone-7"`) != 2 {
		t.Errorf("history %s", a.body)
	}
	h := into[history](a)
	s.do("GET", "/v1/records/c/a?at="+h.Entries[1].Entry, "").fields(`{"n":1}`)
	f.touch = func(x *crdt.Touch) { x.Merged = false }
	s.do("GET", "/v1/records/c/a?at="+h.Entries[1].Entry, "").problem(404, "by then")
}

// A remote is another device's log in the same store.
type remote struct {
	d      *device
	id     crdt.DeviceID
	author crdt.Author
}

func otherDevice(t *testing.T, d *device) *remote {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	birth := &crdt.Birth{Camp: d.founded.Camp, Kind: crdt.RecordLog, Device: public, Admission: crdt.EntryID(d.founded.Camp), Incarnation: [16]byte{1}}
	change, err := birth.Change()
	if err != nil {
		t.Fatal(err)
	}
	e, err := crdt.NewEntry(crdt.TimeAt(1), nil, "", "", []crdt.Change{change})
	if err != nil {
		t.Fatal(err)
	}
	id := e.ID(crdt.Place{})
	r := &remote{d: d, id: crdt.DeviceIDOf(public), author: crdt.ResumeAuthor(crdt.LogID(id), crdt.Head{ID: id}, 0, 0)}
	r.append(t, crdt.Place{}, id, e)
	return r
}

func (r *remote) append(t *testing.T, at crdt.Place, id crdt.EntryID, e *crdt.Entry) {
	t.Helper()
	b := r.d.Begin()
	if err := b.Append(at, id, e); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

// write does what the other device, which has all that is here, wants.
func (r *remote) write(t *testing.T, edit *crdt.Edit, when time.Time, author string) {
	t.Helper()
	now, err := r.d.Record(edit.Key)
	if err != nil {
		t.Fatal(err)
	}
	r.writeOn(t, now, edit, when, author, false)
}

// writeOn writes on the record as the other device has it.
func (r *remote) writeOn(t *testing.T, base *crdt.Record, edit *crdt.Edit, when time.Time, author string, erase bool) {
	t.Helper()
	rc, err := crdt.Compose(base, edit, nil)
	if err != nil {
		t.Fatal(err)
	}
	change, err := rc.Encode([crdt.SaltSize]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if erase {
		change = change.Erase()
	}
	e, err := crdt.NewEntry(crdt.TimeAt(when.UnixMilli()), r.d.Graph().Deps(r.author.Head.ID), author, "", []crdt.Change{change})
	if err != nil {
		t.Fatal(err)
	}
	at, id := r.author.Next(e)
	r.append(t, at, id, e)
}
