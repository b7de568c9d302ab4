package sim

import (
	"errors"
	"fmt"
	"slices"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
	"musafir/node/hikma"
)

// Roam runs a world in which so many phones go from device to device until each has synced
// so often, while as much goes wrong as in [Random], and heals it.
func Roam(cfg Config, phones, syncs int) *World {
	w := New(cfg)
	defer w.endTasks()
	w.Latency = [2]int64{500, 500 + w.random.Int64N(60_000)}
	w.Commit = [2]int64{500, 1_000 + w.random.Int64N(20_000)}
	w.Tick = 200_000
	w.Stats.Faults["worlds"] = 1
	w.populate(5, func() crdt.Role { return crdt.Role(1 + w.random.IntN(2)) })
	w.openWard(phones)
	w.Run(1_000)
	w.Arrange(w.topology) // with those that came late
	w.Converge(healWithinMs)
	w.watch()
	w.roam(syncs)
	w.Heal()
	w.Converge(healWithinMs)
	w.partTwins()
	w.everywhere()
	w.checkEnd()
	w.checkWard()
	w.Stats.Phones = w.ward.counts
	return w
}

// openWard makes clinics, users, something in stock, and phones.
func (w *World) openWard(phones int) {
	d := &ward{
		counts: map[string]int{}, seen: map[seenKey]set{}, took: map[seenKey]set{}, gone: map[crdt.RecordKey]bool{}, undone: map[rowOf]bool{},
		own:    map[rowOf][]int{},
		scoped: w.chance(40), buries: w.chance(30), empties: w.chance(30), forces: w.chance(30),
	}
	w.ward = d
	for i := range 3 {
		d.clinics = append(d.clinics, w.uuid())
		w.enter("clinics", d.clinics[i], crdt.Field{Key: "name", Value: crdt.Text(fmt.Sprint("Camp ", i))})
		for range 2 {
			w.enter("clinic_inventory", w.uuid(), text("clinic_id", d.clinics[i]), text("drug_id", w.uuid()), text("batch_id", "b"),
				crdt.Field{Key: "quantity_available", Value: crdt.Int(1000)})
		}
	}
	for i := range 4 {
		d.users = append(d.users, w.uuid())
		role := "super_admin"
		if d.scoped && i > 0 {
			role = "provider"
			for _, of := range d.clinics {
				if w.chance(60) {
					w.permit(w.Machines[0], d.users[i], of, true)
				}
			}
		}
		w.enter("users", d.users[i], text("name", fmt.Sprint("user ", i)), text("role", role), text("email", fmt.Sprint("u", i, "@example.org")))
	}
	for i := range phones {
		r := &Roamer{
			Name: fmt.Sprint("phone ", i), w: w, app: apptest.New(w.uuid(), w.random.Uint64()), home: w.Machines[i%len(w.Machines)],
			who:  hikma.Who{User: d.users[i%len(d.users)]},
			mine: map[crdt.RecordKey]bool{}, buried: map[crdt.RecordKey]bool{}, unsure: map[crdt.RecordKey]bool{},
		}
		r.who.Name = r.who.User
		r.take()
		d.phones = append(d.phones, r)
	}
}

func (w *World) uuid() string {
	b := w.bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func text(name, value string) crdt.Field { return crdt.Field{Key: name, Value: crdt.Text(value)} }

// enter writes a row at the first machine.
func (w *World) enter(table, id string, columns ...crdt.Field) {
	w.Machines[0].Write(&crdt.Edit{Key: crdt.RecordKey{Collection: table, ID: id}, Set: columns})
}

// permit lets a user do everything in a clinic, or nothing.
func (w *World) permit(at *Machine, user, of string, may bool) {
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: "user_clinic_permissions", ID: user + "-" + of}}
	e.Set = []crdt.Field{text("user_id", user), text("clinic_id", of)}
	for _, c := range clinic.TableOf("user_clinic_permissions").Columns {
		if c.Kind == clinic.Bool {
			value := crdt.False
			if may {
				value = crdt.True
			}
			e.Set = append(e.Set, crdt.Field{Key: c.Name, Value: value})
		}
	}
	at.Write(e)
}

// take makes the phone be of its installation.
func (r *Roamer) take() { r.who.Client = r.app.ClientID }

// roam lets the phones sync so often, while things happen.
func (w *World) roam(syncs int) {
	if w.err != nil {
		return
	}
	w.faulty = true
	pace := 200_000 + w.random.Int64N(3_000_000)
	for _, r := range w.ward.phones {
		r.left = syncs
		w.undertake(func(t *task) { r.live(t, pace) })
	}
	habits := append(w.habits()[1:], w.wardHabits()...)
	for w.err == nil && slices.ContainsFunc(w.ward.phones, func(r *Roamer) bool { return r.left > 0 }) {
		w.Run(w.random.Int64N(600) + 1)
		w.some(habits)
	}
}

// wardHabits are what goes on in a clinic, beside what its phones do.
func (w *World) wardHabits() []habit {
	d := w.ward
	m := func() *Machine { return w.Machines[w.random.IntN(len(w.Machines))] }
	list := []habit{
		{150, func() { m().act() }},
		{1, w.night},
		{10, func() { w.setClock(d.phones[w.random.IntN(len(d.phones))]) }},
		{60, func() { w.resolve(m()) }},
	}
	if d.scoped {
		list = append(list, habit{15, func() {
			w.ward.count("permissions that changed")
			w.permit(m(), d.users[1+w.random.IntN(3)], d.clinics[w.random.IntN(3)], w.chance(60))
		}})
	}
	return list
}

// night turns everything off for half a day. Users go on.
func (w *World) night() {
	if w.ward.counts["nights"] >= nightsMax {
		return
	}
	w.ward.count("nights")
	w.log("night")
	for _, m := range w.Machines {
		m.down = true
		m.kill(w.chance(30))
	}
	const half = 12 * 3600 * 1000
	w.ward.dawn = w.now + half*1000
	w.Run(half)
	w.log("day")
	for _, m := range w.Machines {
		m.down = false
		m.Start()
	}
}

const nightsMax = 2

// setClock sets a phone's clock, mostly right.
func (w *World) setClock(r *Roamer) {
	const year = 365 * 24 * 3600 * 1000
	r.skewMs = []int64{0, 0, 5_000, -5_000, 60_000, -3_600_000, year, -year, 10 * year, -10 * year}[w.random.IntN(10)]
	w.log("the clock of %s is wrong by %d s", r.Name, r.skewMs/1000)
}

// resolve ends a conflict of some patient.
func (w *World) resolve(m *Machine) {
	if m.proc == nil {
		return
	}
	n, left := 0, 1+w.random.IntN(20)
	var at *crdt.RecordKey
	err := m.proc.store.Scan("patients", "", func(r *crdt.Record) (bool, error) {
		if r.ConflictCount() > 0 {
			at = &r.Key
			left--
		}
		n++
		return left > 0, nil
	})
	if err != nil {
		w.fail("%s: %v", m.Name, err)
	}
	if at != nil {
		w.ward.count("conflicts that were resolved")
		m.Write(&crdt.Edit{Key: *at, Resolve: m.resolution(*at)})
	}
}

// live is what a user does all the time.
func (r *Roamer) live(t *task, pace int64) {
	w := r.w
	for ; r.left > 0; r.left-- {
		gap := w.random.Int64N(2*pace) + 1
		if w.chance(3) {
			gap += w.random.Int64N(300_000_000) // apart for long
		}
		if t.sleep(max(gap, w.ward.dawn-w.now)) != nil {
			return
		}
		r.work()
		if r.mishap(t) {
			continue
		}
		if err := r.sync(t, r.goSomewhere(), r.faults(), r.patience()); errors.Is(err, errEnded) {
			return
		}
	}
}

// mishap is what else users do to their phones. One that never got through with a sync is not
// emptied: what it pushed before looks like what it pushes again.
func (r *Roamer) mishap(t *task) bool {
	w := r.w
	switch d := w.ward; {
	case d.empties && r.app.Watermark() != 0 && w.chance(2):
		d.count("resets")
		w.log("%s is emptied", r.Name)
		r.empty()
		if w.chance(50) {
			d.count("reinstalls")
			r.app.Reinstall()
		}
		r.take()
		return false
	case d.forces && r.synced > 1 && w.chance(3): // what it had then is known
		r.force(t)
		return true
	}
	return false
}

// force uploads all that was changed lately, or downloads.
func (r *Roamer) force(t *task) {
	w := r.w
	v := &visit{Roamer: r, t: t, at: r.goSomewhere(), patient: waitsLong, presented: r.app.Watermark()}
	r.app.Now = r.wall()
	since := r.app.Now - w.random.Int64N(600_000)
	if w.chance(30) && !w.ward.buries {
		w.ward.count("forced downloads")
		v.presented = since
		r.ended(v, since, r.app.ForceDownload(v, since))
		return
	}
	w.ward.count("forced uploads")
	r.ended(v, since, r.app.ForceUpload(v, since))
}

// goSomewhere is mostly to the same device.
func (r *Roamer) goSomewhere() *Machine {
	w := r.w
	for {
		m := w.Machines[w.random.IntN(len(w.Machines))]
		if w.chance(70) {
			m = r.home
		}
		if m.proc != nil && m.proc.role() == crdt.RoleReader {
			r.home = w.Machines[0]
			continue
		}
		if w.chance(15) {
			r.home = m
		}
		return m
	}
}

func (r *Roamer) patience() int64 {
	if r.w.chance(12) {
		return r.w.random.Int64N(waitsLittle)
	}
	return waitsLong
}

// faults are what goes wrong on the phone's side.
func (r *Roamer) faults() (f apptest.Faults) {
	w := r.w
	switch w.random.IntN(30) {
	case 0:
		f.FailBeforePull = true
	case 1:
		f.FailAfterPull = true
	case 2:
		f.CrashInBatch = 1 + w.random.IntN(4)
	case 3:
		f.FailPushBeforeArrival = true
	case 4, 5:
		f.FailPushAfterArrival = true
	case 6:
		f.CrashInMark = 1 + w.random.IntN(3)
	case 7:
		f.CrashBeforeWatermark = true
	}
	return f
}

// everywhere lets all phones sync twice with all devices, and then shows that all of them
// show the same.
func (w *World) everywhere() {
	for range 2 {
		for _, m := range w.Machines {
			if w.err == nil && m.proc.role() != crdt.RoleReader {
				w.all(m)
			}
		}
		w.Converge(healWithinMs)
		for _, r := range w.ward.phones {
			r.resting = false
		}
	}
	for _, r := range w.ward.phones {
		if w.err == nil {
			m := r.goSomewhere()
			w.one(r, m)
			w.one(r, m)
		}
	}
	w.Converge(healWithinMs)
}

// all lets all phones sync with a device at once.
func (w *World) all(m *Machine) {
	busy := len(w.ward.phones)
	for _, r := range w.ward.phones {
		w.undertake(func(t *task) {
			if !r.resting {
				r.strictly(t, m)
			}
			busy--
		})
	}
	w.runUntil(w.now+2*waitsLong, func() bool { return busy == 0 })
	if busy > 0 {
		w.fail("%d phones do not get through with %s", busy, m.Name)
	}
}

func (w *World) one(r *Roamer, m *Machine) {
	done := false
	w.undertake(func(t *task) {
		r.strictly(t, m)
		done = true
	})
	w.runUntil(w.now+waitsLong, func() bool { return done })
	if !done {
		w.fail("%s does not get through with %s", r.Name, m.Name)
	}
}
