package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"musafir/crdt"
	"musafir/node/clinic/apptest"
	"musafir/node/hikma"
	"musafir/node/replica"
)

// A Roamer is a phone whose user goes from device to device.
type Roamer struct {
	Name string

	w         *World
	app       *apptest.Phone
	who       hikma.Who
	skewMs    int64 // its clock minus the true time
	home      *Machine
	left      int                     // syncs
	mine      map[crdt.RecordKey]bool // rows of which the phone has what was entered on it, and nothing later
	buried    map[crdt.RecordKey]bool // rows that the app hides for good
	taken     set                     // what devices held whose answers came to it
	elsewhere map[crdt.RecordKey]bool // rows of which it may have more than the device it is at
	had       set                     // what devices held with which it got through
	unsure    map[crdt.RecordKey]bool // rows that came in a sync which failed
	answers   []*answer               // that came to it
	synced    int                     // so many times it got through since it was emptied
	resting   bool                    // until all devices have heard of it
}

// How long a phone waits for an answer, and how a device waits, in microseconds.
const (
	waitsLong   = 30_000_000
	waitsLittle = 60_000
	awaiting    = 2_000_000 // for a watermark that is not known
	lookPace    = 100_000
)

var (
	errNotReached = errors.New("the hub is not reached")
	errTired      = errors.New("the phone waits no longer")
)

// wall is the phone's own time.
func (r *Roamer) wall() int64 { return epochMs + r.w.now/1000 + r.skewMs }

// A visit is one sync of a phone with a device. It is the hub, as the app sees it.
type visit struct {
	*Roamer
	t         *task
	at        *Machine
	by        *process // who answered last
	patient   int64
	strict    bool // nothing may go wrong
	presented int64
	got       *answer // nil: none yet
	arrived   bool
}

// sync lets the app sync with a device.
func (r *Roamer) sync(t *task, at *Machine, f apptest.Faults, patience int64) error {
	v := &visit{Roamer: r, t: t, at: at, patient: patience, presented: r.app.Watermark()}
	r.app.Now = r.wall()
	err := r.app.SyncWith(v, f)
	r.ended(v, v.presented, err)
	return err
}

// strictly is a sync in which nothing may go wrong.
func (r *Roamer) strictly(t *task, at *Machine) {
	v := &visit{Roamer: r, t: t, at: at, patient: waitsLong, presented: r.app.Watermark(), strict: true}
	r.app.Now = r.wall()
	err := r.app.Sync(v)
	if err != nil && v.hides(err) {
		r.rescue(t, at)
		return
	}
	r.ended(v, v.presented, err)
}

// rescue is for a phone whose sync breaks on a row that it hides, where what it got is known no more:
// its user uploads all, and then empties it.
func (r *Roamer) rescue(t *task, at *Machine) {
	r.w.ward.count("phones that had to be emptied")
	r.w.log("%s uploads all and is emptied", r.Name)
	v := &visit{Roamer: r, t: t, at: at, patient: waitsLong, strict: true}
	r.ended(v, 0, r.app.ForceUpload(v, 0))
	r.empty()
	r.strictly(t, at)
	r.resting = true
}

// empty is what a user does who begins anew.
func (r *Roamer) empty() {
	r.app.Reset()
	clear(r.mine)
	clear(r.buried)
	clear(r.unsure)
	r.taken, r.had, r.answers, r.synced = nil, nil, nil, 0
}

// ended takes note of how a sync ended.
func (r *Roamer) ended(v *visit, presented int64, err error) {
	w := r.w
	switch {
	case err == nil:
		v.arrive()
		v.whole()
		w.ward.count("syncs")
		w.log("%s syncs with %s: %d, then %d", r.Name, v.at.Name, presented, r.app.Watermark())
	case !v.strict && isFault(err):
		v.doubted()
		w.ward.count("syncs that failed")
		w.log("%s fails to sync with %s: %d: %v", r.Name, v.at.Name, presented, err)
	case errors.Is(err, errEnded):
	case v.hides(err):
		w.ward.count("syncs that broke on what the app hides, where the phone was not known")
	default:
		w.fail("%s cannot sync with %s: %v", r.Name, v.at.Name, err)
	}
	for _, a := range v.answers {
		a.forget()
	}
	if r.app.Lossy+r.app.Unknown > 0 {
		w.fail("%s lost values: %v, %d unknown", r.Name, r.app.Losses, r.app.Unknown)
	}
}

// hides tells whether a sync broke on a row that the app hides, and of which the device could not
// know that the phone has it.
func (v *visit) hides(err error) bool {
	if v.got == nil || !strings.Contains(err.Error(), "is there already") {
		return false
	}
	v.foresee()
	for key := range v.buried {
		if strings.Contains(err.Error(), key.ID) && (!v.got.known || v.elsewhere[key]) {
			return true
		}
	}
	return false
}

// doubted takes note of what came in a sync that failed.
func (v *visit) doubted() {
	if v.got == nil {
		return
	}
	for _, x := range v.got.rows {
		v.unsure[x.key] = true
	}
}

// isFault tells whether an error is of something that went wrong on purpose.
func isFault(err error) bool {
	return slices.ContainsFunc([]error{apptest.ErrFault, errNotReached, errTired, errGone, errDisk, replica.ErrReader},
		func(fault error) bool { return errors.Is(err, fault) })
}

// ask sends a request and waits for its answer.
func (v *visit) ask(serve func(*task, *process) error) error {
	w := v.w
	if err := v.t.sleep(w.span(w.Latency)); err != nil {
		return err
	}
	p := v.at.proc
	if p == nil {
		return errNotReached
	}
	var served error
	v.by = p
	wake := v.t.waker()
	way := w.span(w.Latency)
	p.serve(func(t *task) {
		served = serve(t, p)
		w.after(way, func() { wake(nil) })
	})
	w.after(v.patient, func() { wake(errTired) })
	err := v.t.wait()
	v.app.Now = v.wall()
	if err == nil {
		err = served
	}
	return err
}

// serve runs a request at the process, until that stops.
func (p *process) serve(do func(*task)) {
	t := p.w.undertake(do)
	p.serving = append(p.serving, t)
}

// Pull is what the app asks for first.
func (v *visit) Pull(presented int64) ([]byte, error) {
	var got *answer
	err := v.ask(func(t *task, p *process) (err error) {
		got, err = p.pull(t, v.Roamer, presented)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.at.Name, err)
	}
	v.got = got
	v.reached(got)
	return got.body, nil
}

// Push is what the app does next, if it has anything.
func (v *visit) Push(presented int64, changes []byte) error {
	v.arrive()
	v.w.ward.took[seenKey{v.app.ClientID, presented}] = append(set(nil), v.taken...)
	sent := readSent(changes)
	for _, x := range sent {
		v.w.log("%s pushes %s, %v: %v", v.Name, x.key, x.columns["_status"], x.columns["_changed"])
	}
	err := v.ask(func(t *task, p *process) error { return p.push(t, v.Roamer, presented, changes) })
	if err != nil {
		return fmt.Errorf("%s: %w", v.at.Name, err)
	}
	v.acknowledged(sent)
	return nil
}
