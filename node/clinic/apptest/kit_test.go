package apptest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

const (
	client = "6b0f0c0e-2a55-4a3e-9f0a-5f5f6f6a7b01"
	start  = int64(1767225600000)
)

func newPhone() *apptest.Phone {
	p := apptest.New(client, 1)
	p.Now = start
	return p
}

// A script is a hub that says what it was told to say.
type script struct {
	answers []string // the last one again and again
	pulls   []int64
	pushes  []string // "watermark changes"
	refuse  error
	during  func() // called while a push is under way
}

func (s *script) Pull(since int64) ([]byte, error) {
	s.pulls = append(s.pulls, since)
	answer := s.answers[min(len(s.pulls), len(s.answers))-1]
	return []byte(answer), nil
}

func (s *script) Push(since int64, changes []byte) error {
	s.pushes = append(s.pushes, fmt.Sprint(since, " ", string(changes)))
	if s.during != nil {
		s.during()
	}
	return s.refuse
}

// answer is one to a pull, with tables as they stand in JSON.
func answer(timestamp int64, tables ...string) string {
	return fmt.Sprintf(`{"changes":{%s},"timestamp":%d}`, strings.Join(tables, ","), timestamp)
}

func saying(tables ...string) *script { return &script{answers: []string{answer(start+1, tables...)}} }

func created(table string, rows ...string) string { return list(table, "created", rows) }
func updated(table string, rows ...string) string { return list(table, "updated", rows) }
func deleted(table string, rows ...string) string { return list(table, "deleted", rows) }

func list(table, key string, rows []string) string {
	return fmt.Sprintf(`%q:{%q:[%s]}`, table, key, strings.Join(rows, ","))
}

// whole is a row with all columns of its table: what is not given is empty.
func whole(table, id string, given apptest.Columns) string {
	row := map[string]any{"id": id}
	for _, c := range clinic.TableOf(table).Columns {
		row[c.Name] = map[clinic.Kind]any{clinic.Text: "", clinic.JSON: "", clinic.Number: 0, clinic.Bool: false}[c.Kind]
		if c.Optional {
			row[c.Name] = nil
		}
	}
	for name, value := range given {
		row[name] = value
	}
	out, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return string(out)
}

func patient(id, phone, camp string) string {
	return whole("patients", id, apptest.Columns{"phone": phone, "camp": camp, "updated_at": start})
}

func mustSync(t *testing.T, p *apptest.Phone, hub apptest.Hub) {
	t.Helper()
	if err := p.Sync(hub); err != nil {
		t.Fatal(err)
	}
}

func wantRow(t *testing.T, r apptest.Row, want apptest.Columns) {
	t.Helper()
	if r == nil {
		t.Fatal("the row is not there")
	}
	for name, value := range want {
		if r[name] != value {
			t.Errorf("%s is %v, want %v", name, r[name], value)
		}
	}
}

// withPatient is a phone that has a patient from the hub.
func withPatient(t *testing.T) *apptest.Phone {
	p := newPhone()
	mustSync(t, p, saying(created("patients", patient("p1", "1", "4"))))
	p.Now++
	return p
}

func sameSet(t *testing.T, got []string, want ...string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
