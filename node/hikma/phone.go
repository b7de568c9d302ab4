package hikma

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"musafir/crdt"
)

// A Phone is one that somebody has logged in with.
type Phone struct {
	Client     string // its id: the app on it makes one when it is installed
	Name       string // "" if it did not say
	User       string // id of who logged in last
	Approved   bool   // by somebody; counts where approval is required
	Revoked    bool   // it is not let in any more
	First      time.Time
	LastSync   time.Time     // a pull or a push; zero: it never did
	LastDevice crdt.DeviceID // with which it synced last; "" if it never did
	ClockAhead time.Duration // of its clock before that device's; negative: it is behind
	FailedPush Failure       // at this device

	users map[string]time.Time // who logged in with it, and when last
}

// ErrNoPhone says that nobody ever logged in with such a phone.
var ErrNoPhone = errors.New("no such phone")

// PhonesCollection is where phones stand. It is internal.
const PhonesCollection = "_phones"

// What stands there of a phone. Times are kept by user and by device, each of which only the
// greatest counts of: devices that serve one phone apart do not conflict about it.
const (
	settingsCollection = "_phones_settings"
	settingsID         = "camp"

	nameField     = "name"
	stateField    = "state" // of the phone
	firstField    = "first_login"
	loginsField   = "logins" // ms by user
	syncedField   = "synced" // ms by device
	aheadField    = "clock_ahead_ms"
	approvalField = "require_approval"
)

// What a phone's state may be, if somebody said something of it. It is one field, so that
// whoever approves says that it is not revoked.
const (
	approvedState = "approved"
	revokedState  = "revoked"
)

func phoneKey(client string) crdt.RecordKey {
	return crdt.RecordKey{Collection: PhonesCollection, ID: client}
}

var settingsKey = crdt.RecordKey{Collection: settingsCollection, ID: settingsID}

// phoneOf reads a record. Where one revoked the phone while another approved it, apart,
// it is revoked until somebody decides.
func phoneOf(r *crdt.Record) (p Phone, ok bool) {
	if r == nil || r.Empty() || r.Deleted() {
		return p, false
	}
	v := r.View()
	state := textAt(v.Fields, stateField)
	p = Phone{Client: r.Key.ID, Name: textAt(v.Fields, nameField),
		Revoked: state == revokedState || besides(v, stateField, crdt.Text(revokedState)), users: map[string]time.Time{}}
	p.Approved = state == approvedState && !p.Revoked
	if first := fieldAt(v.Fields, firstField); first.Kind() == crdt.KindInt {
		p.First = time.UnixMilli(first.Int())
	}
	each(v.Fields, loginsField, func(user string, ms int64) {
		p.users[user] = time.UnixMilli(ms)
		if last, ok := p.users[p.User]; !ok || p.users[user].After(last) {
			p.User = user
		}
	})
	each(v.Fields, syncedField, func(device string, ms int64) {
		if at := time.UnixMilli(ms); at.After(p.LastSync) {
			p.LastSync, p.LastDevice = at, crdt.DeviceID(device)
		}
	})
	if ahead := fieldAt(fieldAt(v.Fields, aheadField), string(p.LastDevice)); ahead.Kind() == crdt.KindInt {
		p.ClockAhead = time.Duration(ahead.Int()) * time.Millisecond
	}
	return p, true
}

// besides tells whether a value is a sibling of what is shown at a path.
func besides(v crdt.View, path string, value crdt.Value) bool {
	for _, c := range v.Conflicts {
		for _, s := range c.Siblings {
			if c.Path == path && s.Value.Equal(value) {
				return true
			}
		}
	}
	return false
}

// each visits the integers of an object inside a record, in the order of their keys.
func each(fields crdt.Value, name string, visit func(key string, n int64)) {
	if object := fieldAt(fields, name); object.Kind() == crdt.KindObject {
		object.Fields(func(key string, v crdt.Value) {
			if v.Kind() == crdt.KindInt {
				visit(key, v.Int())
			}
		})
	}
}

// Phones are all that there are, in the order of their ids.
func (s *Server) Phones() ([]Phone, error) {
	phones := []Phone{}
	err := s.cfg.Backend.Scan(PhonesCollection, "", func(r *crdt.Record) (bool, error) {
		if p, ok := phoneOf(r); ok {
			phones = append(phones, s.Latest(p))
		}
		return true, nil
	})
	return phones, err
}

// Latest adds when the phone synced here, since the record is not written each time, and
// how that ended.
func (s *Server) Latest(p Phone) Phone {
	if at, ok := s.synced.Get(p.Client); ok && at.After(p.LastSync) {
		p.LastSync = at
		p.LastDevice, _, _ = s.cfg.Backend.Self()
	}
	p.FailedPush = s.failure(&p)
	return p
}

// phone is one of them, false if there is none.
func (s *Server) phone(client string) (Phone, bool, error) {
	r, err := s.cfg.Backend.Record(phoneKey(client))
	if err != nil {
		return Phone{}, false, err
	}
	p, ok := phoneOf(r)
	return p, ok, nil
}

// Revoke keeps a phone out from now on, on every device that hears of it.
func (s *Server) Revoke(ctx context.Context, client string) error {
	return s.setState(ctx, client, revokedState)
}

// Approve lets a phone in, also one that was revoked.
func (s *Server) Approve(ctx context.Context, client string) error {
	return s.setState(ctx, client, approvedState)
}

func (s *Server) setState(ctx context.Context, client, state string) error {
	if checkClient(client) != nil {
		return ErrNoPhone
	}
	r, err := s.cfg.Backend.Record(phoneKey(client))
	if err != nil {
		return err
	}
	if _, ok := phoneOf(r); !ok {
		return ErrNoPhone
	}
	return s.settle(ctx, phoneKey(client), r, stateField, crdt.Text(state))
}

// settle sets a field and ends what conflict there is about it.
func (s *Server) settle(ctx context.Context, key crdt.RecordKey, r *crdt.Record, path string, value crdt.Value) error {
	edit := &crdt.Edit{Key: key, Set: []crdt.Field{{Key: path, Value: value}}}
	if r != nil && !r.Empty() {
		for _, c := range r.View().Conflicts {
			if c.Path == path {
				edit = &crdt.Edit{Key: key, Resolve: &crdt.Resolution{Path: path, Value: value}}
			}
		}
	}
	return s.write(ctx, edit)
}

// write finishes what was begun, even if whoever asked leaves.
func (s *Server) write(ctx context.Context, edit *crdt.Edit) error {
	_, err := s.cfg.Backend.Write(context.WithoutCancel(ctx), crdt.Transaction{Edits: []*crdt.Edit{edit}})
	return err
}

// RequireApproval tells whether the camp lets in only phones that somebody approved.
// Where devices disagree it does.
func (s *Server) RequireApproval() (bool, error) {
	r, err := s.cfg.Backend.Record(settingsKey)
	if err != nil || r == nil || r.Empty() {
		return false, err
	}
	v := r.View()
	return fieldAt(v.Fields, approvalField).Equal(crdt.True) || besides(v, approvalField, crdt.True), nil
}

// SetRequireApproval says whether the camp lets in only phones that somebody approved. Those
// that have been let in so far are.
func (s *Server) SetRequireApproval(ctx context.Context, required bool) error {
	r, err := s.cfg.Backend.Record(settingsKey)
	if err != nil {
		return err
	}
	value := crdt.False
	if required {
		value = crdt.True
		if err := s.approveAll(ctx); err != nil {
			return err
		}
	}
	return s.settle(ctx, settingsKey, r, approvalField, value)
}

// approveAll approves the phones that are let in now.
func (s *Server) approveAll(ctx context.Context) error {
	if required, err := s.RequireApproval(); err != nil || required {
		return err
	}
	phones, err := s.Phones()
	for i := 0; i < len(phones) && err == nil; i++ {
		if !phones[i].Revoked && !phones[i].Approved {
			err = s.Approve(ctx, phones[i].Client)
		}
	}
	return err
}

const askToRevoke = "Ask whoever looks after musafir here to revoke old ones (musafir phone list, musafir phone revoke), then log in again."

// Refusals of phones.
var (
	errRevoked    = unauthorized("This phone was revoked: it is not let in any more.")
	errUnapproved = &Refusal{http.StatusForbidden, "This phone waits to be approved. Ask whoever looks after musafir here to approve it, then try again."}
	errManyPhones = &Refusal{http.StatusServiceUnavailable, "Too many phones have logged in already, and this one never did. " + askToRevoke}
	errManyOfUser = &Refusal{http.StatusForbidden, fmt.Sprintf("This user has logged in with %d other phones. ", userPhonesMax) + askToRevoke}
	errManyNew    = &Refusal{http.StatusTooManyRequests, "This user logged in with many new phones just now. Wait a minute and log in again."}
)

// admit tells why a phone may not sync, nil if it may.
func (s *Server) admit(p Phone) error {
	if p.Revoked {
		return errRevoked
	}
	if p.Approved {
		return nil
	}
	required, err := s.RequireApproval()
	if err == nil && required {
		err = errUnapproved
	}
	return err
}

// How many phones there may be that are not revoked, so that nobody with a password fills
// the camp, or closes it to the phones of others.
const (
	phonesMax      = 10_000
	userPhonesMax  = 50 // with which one user logged in
	newPhonesMax   = 30 // of a user, at once: a clinic that gets fifty phones has a few users
	newPhonesEvery = time.Minute
)

// noteEvery is how old what stands in a record may be before it is written again: an
// entry for each sync would be more than what is synced.
const noteEvery = 15 * time.Minute

// noteLogin keeps that somebody logged in with a phone.
func (s *Server) noteLogin(ctx context.Context, client, name, user string) (Phone, error) {
	p, ok, err := s.phone(client)
	if err != nil {
		return p, err
	}
	now := s.now()
	edit := &crdt.Edit{Key: phoneKey(client)}
	if !ok {
		if err := s.roomForPhone(user); err != nil {
			return p, err
		}
		edit.Set = append(edit.Set, crdt.Field{Key: firstField, Value: crdt.Int(now.UnixMilli())})
	}
	if name != "" && name != p.Name {
		edit.Set = append(edit.Set, crdt.Field{Key: nameField, Value: crdt.Text(name)})
	}
	if now.Sub(p.users[user]) >= noteEvery || p.User != user {
		edit.Max = append(edit.Max, crdt.Field{Key: crdt.JoinPath(loginsField, user), Value: crdt.Int(now.UnixMilli())})
	}
	if len(edit.Set)+len(edit.Max) == 0 {
		return p, nil
	}
	if err := s.write(ctx, edit); err != nil {
		return p, err
	}
	p, _, err = s.phone(client)
	return p, err
}

// roomForPhone tells why a user may log in with no phone that is new, nil if that may be.
func (s *Server) roomForPhone(user string) error {
	all, own := 0, 0
	err := s.cfg.Backend.Scan(PhonesCollection, "", func(r *crdt.Record) (bool, error) {
		p, ok := phoneOf(r)
		if !ok || p.Revoked {
			return true, nil
		}
		all++
		if _, ok := p.users[user]; ok {
			own++
		}
		return all < phonesMax && own < userPhonesMax, nil
	})
	switch {
	case err != nil:
		return err
	case own >= userPhonesMax:
		return errManyOfUser
	case all >= phonesMax:
		return errManyPhones
	case !s.brought.add(user, s.now()):
		return errManyNew
	}
	return nil
}

// noteSync keeps that a phone synced. That it could not be kept is no reason to tell the
// phone that it did not sync.
func (s *Server) noteSync(ctx context.Context, p Phone) {
	self, _, _ := s.cfg.Backend.Self()
	now := s.now()
	s.synced.Add(p.Client, now)
	if p.LastDevice == self && now.Sub(p.LastSync) < noteEvery {
		return
	}
	edit := &crdt.Edit{Key: phoneKey(p.Client),
		Max: []crdt.Field{{Key: crdt.JoinPath(syncedField, string(self)), Value: crdt.Int(now.UnixMilli())}}}
	if err := s.write(ctx, edit); err != nil {
		s.cfg.Log.Warn("could not note that a phone synced", "error", err)
	}
}

// clockSlack is a difference of clocks that is none.
const clockSlack = time.Minute

// NoteClock keeps how far a phone's clock is ahead of this device's. It returns nil: that
// it could not be kept is no reason to tell the phone that its push failed.
func (s *Server) NoteClock(ctx context.Context, client string, ahead time.Duration) error {
	if err := s.noteClock(ctx, client, ahead); err != nil {
		s.cfg.Log.Warn("could not note how a phone's clock goes", "error", err)
	}
	return nil
}

func (s *Server) noteClock(ctx context.Context, client string, ahead time.Duration) error {
	r, err := s.cfg.Backend.Record(phoneKey(client))
	if err != nil {
		return err
	}
	if _, ok := phoneOf(r); !ok {
		return nil // the record of its login has not come
	}
	self, _, _ := s.cfg.Backend.Self()
	was := int64(0)
	if v := fieldAt(fieldAt(r.View().Fields, aheadField), string(self)); v.Kind() == crdt.KindInt {
		was = v.Int()
	}
	if (ahead - time.Duration(was)*time.Millisecond).Abs() < clockSlack {
		return nil
	}
	return s.write(ctx, &crdt.Edit{Key: phoneKey(client),
		Set: []crdt.Field{{Key: crdt.JoinPath(aheadField, string(self)), Value: crdt.Int(ahead.Milliseconds())}}})
}
