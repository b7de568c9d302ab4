package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// gather makes the camp.
func (s *demoStory) gather(ctx context.Context) (err error) {
	if s.desk, err = s.camp.found(ctx, "Camp 4", "registration desk"); err != nil {
		return err
	}
	if err := s.desk.up(ctx); err != nil {
		return err
	}
	s.tells("The laptop at registration makes the camp.")
	if s.tent, err = s.join(ctx, "tablet in the tent", s.desk); err != nil {
		return err
	}
	if s.pharmacy, err = s.join(ctx, "pharmacy", s.desk, s.tent); err != nil {
		return err
	}
	return s.learnNames(ctx)
}

func (s *demoStory) join(ctx context.Context, name string, others ...*localDevice) (*localDevice, error) {
	d, code, err := s.camp.join(ctx, s.desk, s.desk.address(), name)
	if err != nil {
		return nil, err
	}
	s.tells("The %s joins with the code %s.", name, code)
	return d, d.up(ctx, addressesOf(others)...)
}

func addressesOf(devices []*localDevice) (list []string) {
	for _, d := range devices {
		list = append(list, d.address())
	}
	return list
}

func (s *demoStory) learnNames(ctx context.Context) error {
	var doc struct{ Devices []struct{ ID, Name string } }
	if err := s.desk.get(ctx, "/v1/devices", &doc); err != nil {
		return err
	}
	s.names = map[string]string{}
	for _, d := range doc.Devices {
		s.names[d.ID] = d.Name
	}
	return expect(len(s.names) == len(s.camp.devices), "%d devices in the camp, there are %d", len(s.camp.devices), len(s.names))
}

// arrive takes in one half of the records here and the other there.
func (s *demoStory) arrive(ctx context.Context) error {
	lines, err := demoLines()
	if err != nil {
		return err
	}
	s.records = uint64(len(lines))
	half := len(lines) / 2
	g, importing := errgroup.WithContext(ctx)
	g.Go(func() error { return s.desk.importAll(importing, lines[:half]) })
	g.Go(func() error { return s.pharmacy.importAll(importing, lines[half:]) })
	if err := g.Wait(); err != nil {
		return err
	}
	s.tells("%d at the %s, %d in the %s.", half, s.desk.name, len(lines)-half, s.pharmacy.name)
	stand, err := s.camp.awaitEqual(ctx, s.records)
	if err != nil {
		return err
	}
	var page struct{ Records []recordDoc }
	if err := s.tent.get(ctx, "/v1/records/patients", &page); err != nil {
		return err
	}
	s.patients = page.Records
	s.tells("All three hold the same %d records of %d patients (state %.16s).", s.records, len(s.patients), stand.StateRoot)
	return expect(len(s.patients) > 3, "more than three patients")
}

// demoLines are the records, one a line.
func demoLines() ([][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(demoRecords))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	return bytes.Split(bytes.TrimSpace(text), []byte("\n")), nil
}

// importAll takes in lines of which none may fail.
func (d *localDevice) importAll(ctx context.Context, lines [][]byte) error {
	body := bytes.NewReader(bytes.Join(lines, []byte("\n")))
	resp, err := d.send(ctx, http.MethodPost, "/v1/import", body, http.Header{"Content-Type": {"application/x-ndjson"}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var done importDoc
	if err := json.NewDecoder(resp.Body).Decode(&done); err != nil {
		return fmt.Errorf("read musafir's answer: %w", err)
	}
	return expect(done.Imported == len(lines), "%d records taken in at the %s, it took %d", len(lines), d.name, done.Imported)
}

// apart lets two people change the same patients on devices that do not meet.
func (s *demoStory) apart(ctx context.Context) error {
	if err := s.tent.down(); err != nil {
		return err
	}
	s.tells("Musafir is stopped there: nothing reaches it, and it still takes what is written on it.")
	other, same, gone := &s.patients[0], &s.patients[1], &s.patients[2]
	for _, w := range []struct {
		who    string
		on     *localDevice
		record *recordDoc
		field  string
		value  string
	}{
		{"Amina", s.desk, other, "phone", "0170 111 111"},
		{"Noor", s.tent, other, "camp", "Block 4"},
		{"Amina", s.desk, same, "phone", "0170 222 222"},
		{"Noor", s.tent, same, "phone", "0170 333 333"},
		{"Amina", s.desk, gone, "camp", "Block 7"},
	} {
		body := map[string]string{w.field: w.value}
		if err := s.act(ctx, w.who, w.on, http.MethodPatch, recordPath("patients", w.record.ID), body); err != nil {
			return err
		}
		s.tells("%s, %s: %s of %s is now %s.", w.who, w.on.name, w.field, nameOf(w.record), w.value)
	}
	s.tells("Noor, %s: %s is deleted.", s.tent.name, nameOf(gone))
	return s.act(ctx, "Noor", s.tent, http.MethodDelete, recordPath("patients", gone.ID), nil)
}

// act writes for a person at a device, as the commands do: through its daemon, or
// without one where it is down.
func (s *demoStory) act(ctx context.Context, who string, on *localDevice, method, path string, body any) error {
	there := &app{data: on.dir, author: who}
	return there.with(ctx, func(c *client) error {
		_, err := c.call(ctx, method, path, body)
		return err
	})
}

// meet brings the tablet back and looks at what became of the three patients, on
// all devices.
func (s *demoStory) meet(ctx context.Context) error {
	if err := s.tent.up(ctx, s.desk.address(), s.pharmacy.address()); err != nil {
		return err
	}
	if _, err := s.camp.awaitEqual(ctx, s.records); err != nil {
		return err
	}
	for _, look := range []func(context.Context) error{s.otherFields, s.sameField, s.deletedAndEdited} {
		if err := look(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *demoStory) otherFields(ctx context.Context) error {
	err := s.everywhere(ctx, s.patients[0].ID, func(r *recordDoc) bool {
		return len(r.Conflicts) == 0 && fieldOf(r, "phone") == "0170 111 111" && fieldOf(r, "camp") == "Block 4"
	}, "two fields, written apart, to be both there without a conflict")
	if err == nil {
		s.tells("%s: different fields, so both are there and nobody is asked.", nameOf(&s.patients[0]))
	}
	return err
}

func (s *demoStory) sameField(ctx context.Context) error {
	id := s.patients[1].ID
	err := s.everywhere(ctx, id, func(r *recordDoc) bool { return len(r.Conflicts) == 1 && len(r.Conflicts["phone"]) == 1 },
		"one field, written on both sides, to be a conflict of two values")
	if err != nil {
		return err
	}
	s.tells("%s: the same field, so one value is shown and the other stays beside it:", nameOf(&s.patients[1]))
	written, err := s.writesOf(ctx, s.tent, id, "phone")
	if err != nil {
		return err
	}
	r, err := patient(ctx, s.tent, id)
	if err != nil {
		return err
	}
	for _, w := range written[len(written)-2:] {
		where := "beside it"
		if w.value == fieldOf(r, "phone") {
			where = "shown"
		}
		s.tells("  %-9s  %s, by %s, %s", where, w.value, w.who, w.device)
	}
	return nil
}

func (s *demoStory) deletedAndEdited(ctx context.Context) error {
	err := s.everywhere(ctx, s.patients[2].ID, func(r *recordDoc) bool {
		return !r.Deleted && len(r.Conflicts[""]) == 1 && fieldOf(r, "camp") == "Block 7"
	}, "a patient who was edited here and deleted there to live")
	if err == nil {
		s.tells("%s stays: deleting never loses an edit. The deletion is shown beside it.", nameOf(&s.patients[2]))
	}
	return err
}

// everywhere looks at a patient on all devices.
func (s *demoStory) everywhere(ctx context.Context, id string, as func(*recordDoc) bool, expected string) error {
	for _, d := range s.camp.devices {
		r, err := patient(ctx, d, id)
		if err != nil {
			return err
		}
		if err := expect(as(r), "%s, at the %s", expected, d.name); err != nil {
			return err
		}
	}
	return nil
}

func patient(ctx context.Context, at *localDevice, id string) (*recordDoc, error) {
	r := &recordDoc{}
	return r, at.get(ctx, recordPath("patients", id), r)
}

// settle resolves both conflicts on one device.
func (s *demoStory) settle(ctx context.Context) error {
	same, gone := &s.patients[1], &s.patients[2]
	for _, c := range []struct {
		record       *recordDoc
		field, value string
	}{{same, "phone", "0170 333 333"}, {gone, "", "alive"}} {
		body := map[string]string{"field": c.field, "value": c.value}
		if err := s.act(ctx, "Noor", s.tent, http.MethodPost, recordPath("patients", c.record.ID, "resolve"), body); err != nil {
			return err
		}
	}
	s.tells("The phone of %s is 0170 333 333. %s is a patient still.", nameOf(same), nameOf(gone))
	stand, err := s.camp.awaitEqual(ctx, s.records)
	if err != nil {
		return err
	}
	if err := expect(stand.Counts.Conflicts == 0, "no conflict to be left, there are %d", stand.Counts.Conflicts); err != nil {
		return err
	}
	err = s.everywhere(ctx, same.ID, func(r *recordDoc) bool { return fieldOf(r, "phone") == "0170 333 333" }, "the value that was chosen")
	if err == nil {
		s.tells("On all three devices, conflicts left: %d.", stand.Counts.Conflicts)
	}
	return err
}

// lookBack tells who wrote the phone of the patient in conflict.
func (s *demoStory) lookBack(ctx context.Context) error {
	same := &s.patients[1]
	written, err := s.writesOf(ctx, s.pharmacy, same.ID, "phone")
	if err != nil {
		return err
	}
	s.tells("The phone of %s:", nameOf(same))
	for _, w := range written {
		s.tells("  %s  %-14s  %s, %s", localTime(w.at), w.value, w.who, w.device)
	}
	return expect(len(written) == 4, "four values in the history, there are %d", len(written))
}

// A demoWrite is a value that somebody wrote into a field.
type demoWrite struct {
	value, who, device string
	at                 time.Time
}

// writesOf lists what was written into a field of a patient, the oldest first.
func (s *demoStory) writesOf(ctx context.Context, at *localDevice, id, field string) (list []demoWrite, err error) {
	var h struct{ Entries []historyDoc }
	if err := at.get(ctx, recordPath("patients", id, "history"), &h); err != nil {
		return nil, err
	}
	for _, e := range h.Entries {
		for _, c := range e.Changes {
			if c.Field == field {
				who := e.Author
				if who == "" {
					who = "import"
				}
				list = append(list, demoWrite{plain(c.Value), who, s.names[e.Device], e.Time})
			}
		}
	}
	return list, expect(len(list) > 1, "what was written into %q in the history", field)
}

// fieldOf is a field for people, "" if there is none.
func fieldOf(r *recordDoc, name string) string {
	for _, f := range fieldsOf(r.Fields) {
		if f.name == name {
			return f.text
		}
	}
	return ""
}

func nameOf(r *recordDoc) string {
	return strings.TrimSpace(fieldOf(r, "given_name") + " " + fieldOf(r, "surname"))
}
