package hikma

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"musafir/crdt"
	"musafir/node/clinic"
)

// Records is what a device holds, for phones to pull from and push to.
type Records interface {
	// Moment is what the device holds now. done must be called once it is no longer read.
	Moment() (look clinic.Look, done func(), err error)
	// Write does a transaction and returns once it is durable.
	Write(ctx context.Context, tx crdt.Transaction) (crdt.Receipt, error)
	// Copies is how many other devices are known to hold all of those entries.
	Copies(at []crdt.Ref) int
	// Others are those that may hold what this device does not, and Self is this device.
	Others() []crdt.DeviceID
	Self() (id crdt.DeviceID, name, role string)
	// Control is a digest of who takes part.
	Control() [8]byte
}

// A DeskConfig says how a desk serves phones.
type DeskConfig struct {
	Records Records
	Copies  int              // devices that must hold what a phone pushed before it is told so, this one included
	Now     func() time.Time // nil: time.Now
	// Ahead is told how far a phone's clock is ahead, if it is; nil: nobody wants to know.
	Ahead func(ctx context.Context, client string, by time.Duration) error
	// Wait is how long others are given to tell what stands behind a watermark that is not
	// known here, and CopiesWait how long they are given to hold a push; 0: as usual.
	Wait, CopiesWait time.Duration
}

const (
	cursorWait = 2 * time.Second
	strayWait  = 10 * time.Minute
	copiesWait = 20 * time.Second
	lookEvery  = 20 * time.Millisecond // while something is waited for
)

// A Desk is a Sync over the records of a device.
type Desk struct {
	cfg DeskConfig

	mu     sync.Mutex
	stock  *clinic.Tally
	charts *clinic.Tally // for users who may not see all
	mended string        // the row held back at which the last look for those that may be merged ended
	strays *lru.Cache[string, stray]
	apart  *lru.Cache[string, struct{}] // users who were seen not to see all
}

// A stray is a phone with a watermark of which only other devices can know. It may be of one
// that is broken: then nobody ever will.
type stray struct {
	watermark int64
	since     time.Time
}

// NewDesk makes a desk.
func NewDesk(cfg DeskConfig) *Desk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wait == 0 {
		cfg.Wait = cursorWait
	}
	if cfg.CopiesWait == 0 {
		cfg.CopiesWait = copiesWait
	}
	return &Desk{cfg: cfg, stock: clinic.StockTally(), charts: clinic.ChartTally(), strays: newCache[stray](clientsMax), apart: newCache[struct{}](clientsMax)}
}

// Pull sends a phone what it lacks. What stands behind the watermark that it gets is durable
// before the first byte goes out, and a row that it must get later before the last.
func (d *Desk) Pull(ctx context.Context, who Who, presented int64, w io.Writer) error {
	if err := d.awaitCursor(ctx, who.Client, presented); err != nil {
		return err
	}
	m, err := d.moment(who.User)
	if err != nil {
		return err
	}
	defer m.done()
	ask := d.ask(m, who, presented)
	ask.GiveUp = d.strayed(who.Client, presented)
	answer, err := ask.Answer()
	if err != nil {
		return err
	}
	d.noteStray(who.Client, presented, answer)
	if answer.Apart() {
		d.apart.Add(who.User, struct{}{})
	}
	if err := d.write(ctx, clinic.Batch{Edits: answer.Issue}, ""); err != nil {
		return err
	}
	out := &changesWriter{w: w}
	if err := answer.Each(out.row); err != nil {
		return err
	}
	owed, err := answer.Owed()
	if err != nil {
		return err
	}
	for _, list := range clinic.Transactions(owed) {
		if err := d.write(ctx, clinic.Batch{Edits: list}, ""); err != nil {
			return err
		}
	}
	return out.end(answer.Watermark)
}

// A moment is what the device holds now, with what tallies know of it; nil where none is
// kept.
type moment struct {
	look          clinic.Look
	stock, charts *clinic.Tallied
	done          func()
}

// moment is now, for what a user sees; "": nobody sees anything of it. Moments follow each
// other, so that tallies go on from one to the next.
func (d *Desk) moment(user string) (m moment, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.look, m.done, err = d.cfg.Records.Moment(); err != nil {
		return m, err
	}
	if err = m.tally(d, user); err != nil {
		m.done()
	}
	return m, err
}

func (m *moment) tally(d *Desk, user string) (err error) {
	if m.stock, err = d.stock.At(m.look); err != nil || user == "" {
		return err
	}
	if _, apart := d.apart.Get(user); apart {
		m.charts, err = d.charts.At(m.look)
	}
	return err
}

func (d *Desk) ask(m moment, who Who, presented int64) clinic.Pull {
	self, _, _ := d.cfg.Records.Self()
	p := clinic.Pull{
		Look: m.look, Client: who.Client, User: who.User, Presented: presented, NowMs: d.cfg.Now().UnixMilli(), Dispensed: m.stock, Charts: m.charts,
		Issuer: clinic.IssuerOf(self), Control: d.cfg.Records.Control(),
		Alone: func(at crdt.Ref) bool { return d.cfg.Records.Copies([]crdt.Ref{at}) == 0 },
	}
	for _, id := range d.cfg.Records.Others() {
		p.Others = append(p.Others, clinic.IssuerOf(id))
	}
	return p
}

// strayed tells whether nobody could say for long what stands behind a phone's watermark.
func (d *Desk) strayed(client string, watermark int64) bool {
	s, ok := d.strays.Get(client)
	return ok && s.watermark == watermark && d.cfg.Now().Sub(s.since) >= strayWait
}

func (d *Desk) noteStray(client string, watermark int64, a *clinic.Answer) {
	if !a.Strays() {
		d.strays.Remove(client)
	} else if s, ok := d.strays.Get(client); !ok || s.watermark != watermark {
		d.strays.Add(client, stray{watermark, d.cfg.Now()})
	}
}

// awaitCursor gives other devices a moment to tell what stands behind a watermark.
func (d *Desk) awaitCursor(ctx context.Context, client string, presented int64) error {
	if presented == 0 {
		return nil
	}
	_, err := d.await(ctx, d.cfg.Wait, func() (bool, error) {
		look, done, err := d.cfg.Records.Moment()
		if err != nil {
			return false, err
		}
		defer done()
		known, _, err := clinic.Heard(look, client, presented)
		return known || len(d.cfg.Records.Others()) == 0, err
	})
	return err
}

// await looks until something holds, or for so long; false if it does not hold then.
func (d *Desk) await(ctx context.Context, limit time.Duration, holds func() (bool, error)) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return ok, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return false, nil
			}
			return false, ctx.Err()
		}
	}
}

// write does what a phone's sync writes, nothing if that is nothing.
func (d *Desk) write(ctx context.Context, b clinic.Batch, author string) error {
	if len(b.Edits) == 0 {
		return nil
	}
	_, err := d.cfg.Records.Write(ctx, crdt.Transaction{Edits: b.Edits, Author: author, Phone: b.Origin})
	return err
}

// Push takes what a phone sends. It returns once that is durable, on as many devices as are
// wanted.
func (d *Desk) Push(ctx context.Context, who Who, presented int64, changes []byte) error {
	rows, err := clinic.ReadPush(changes)
	if err != nil {
		return &Refusal{Status: http.StatusBadRequest, Text: "The changes are not readable: " + err.Error()}
	}
	if err := d.awaitCursor(ctx, who.Client, presented); err != nil {
		return err
	}
	steps := []func(clinic.Push) ([]clinic.Batch, error){clinic.Push.Write, clinic.Push.Delete, owed, d.mend}
	for _, step := range steps {
		if err := d.step(ctx, who, presented, rows, step); err != nil {
			return err
		}
	}
	if err := d.noteClock(ctx, who, rows); err != nil {
		return err
	}
	return d.awaitCopies(ctx, who, presented, rows)
}

// noteClock tells of a phone whose edits are of the future.
func (d *Desk) noteClock(ctx context.Context, who Who, rows *clinic.Pushed) error {
	ahead := time.Duration(rows.EditedMs()-d.cfg.Now().UnixMilli()) * time.Millisecond
	if d.cfg.Ahead == nil || rows.EditedMs() == 0 {
		return nil
	}
	return d.cfg.Ahead(ctx, who.Client, max(0, ahead))
}

func owed(p clinic.Push) ([]clinic.Batch, error) {
	edits, err := p.Owed()
	var batches []clinic.Batch
	for _, list := range clinic.Transactions(edits) {
		batches = append(batches, clinic.Batch{Edits: list})
	}
	return batches, err
}

// mend goes on with the rows that are held back where the last push ended.
func (d *Desk) mend(p clinic.Push) (batches []clinic.Batch, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	batches, d.mended, err = clinic.Mend(p.Look, d.mended, p.NowMs)
	return batches, err
}

func (d *Desk) step(ctx context.Context, who Who, presented int64, rows *clinic.Pushed, do func(clinic.Push) ([]clinic.Batch, error)) error {
	m, err := d.moment("")
	if err != nil {
		return err
	}
	defer m.done()
	p := clinic.Push{Look: m.look, Client: who.Client, User: who.User, Presented: presented, NowMs: d.cfg.Now().UnixMilli(), Rows: rows, Dispensed: m.stock}
	batches, err := do(p)
	if err != nil {
		return err
	}
	return p.Run(batches, func(b clinic.Batch) error {
		author := plain(b.Author, crdt.MaxAuthorBytes)
		if b.Author == "" && b.Origin != "" {
			author = who.Name
		}
		return d.write(ctx, b, author)
	})
}

// awaitCopies returns once other devices hold what was pushed.
func (d *Desk) awaitCopies(ctx context.Context, who Who, presented int64, rows *clinic.Pushed) error {
	if d.cfg.Copies < 2 {
		return nil
	}
	look, done, err := d.cfg.Records.Moment()
	if err != nil {
		return err
	}
	refs, err := rows.Refs(look)
	done()
	if err != nil {
		return err
	}
	enough, err := d.await(ctx, d.cfg.CopiesWait, func() (bool, error) { return d.cfg.Records.Copies(refs)+1 >= d.cfg.Copies, nil })
	if err == nil && !enough {
		err = &Refusal{Status: http.StatusServiceUnavailable, Text: "The changes are kept here, but not yet on as many devices as they must be. Sync again."}
	}
	return err
}
