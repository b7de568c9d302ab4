package main

import (
	"fmt"
	"io"
	"time"

	"musafir/node/api"
)

// printPhones says of each phone who has it, when it synced, whether it is let in, and
// what is held back.
func printPhones(w io.Writer, all *api.Phones, names deviceNames) {
	if len(all.Phones) == 0 {
		fmt.Fprintln(w, "No phone has logged in yet. "+firstPhoneWords[all.URL != ""])
		return
	}
	fmt.Fprintln(w, "PHONE\tUSER\tSYNCED\tSTATE")
	for i := range all.Phones {
		p := &all.Phones[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(p.ID), printable(phoneOwner(p)), synced(p, names), phoneState(p, all.RequireApproval))
	}
	for i := range all.Phones {
		printHeld(w, &all.Phones[i])
	}
}

// firstPhoneWords say how a phone comes in, by whether phones are served.
var firstPhoneWords = map[bool]string{
	true:  "musafir phone shows the QR code to scan.",
	false: "They are not served here now: musafir phone sees to that, and shows the QR code to scan.",
}

func printHeld(w io.Writer, p *api.Phone) {
	if p.HeldCount == 0 {
		return
	}
	fmt.Fprintf(w, "\nHeld back of what %s sent, and not shown to others:\n", printable(phoneOwner(p)))
	for _, h := range p.Held {
		fmt.Fprintf(w, "  %s/%s: %s\n", printable(h.Table), printable(h.ID), printable(h.Why))
	}
	if more := p.HeldCount - len(p.Held); more > 0 {
		fmt.Fprintf(w, "  ... and %s: musafir phone held\n", count(uint64(more), "row more", "rows more"))
	}
}

// summaryWords say how phones stand.
func summaryWords(s *api.PhoneSummary) []string {
	words := []string{"not served here"}
	if s.URL != "" {
		words[0] = "served at " + s.URL
	}
	if s.Known == 0 {
		return append(words, "none has logged in yet")
	}
	words = append(words, fmt.Sprintf("%d synced today, %d ever, of %d that logged in", s.Today, s.Synced, s.Known))
	if s.Failed > 0 {
		words = append(words, fmt.Sprintf("of %d the last sending was not taken (musafir phone list)", s.Failed))
	}
	if s.Held > 0 {
		words = append(words, fmt.Sprintf("%s held back (musafir phone held)", count(uint64(s.Held), "row is", "rows are")))
	}
	return words
}

// phoneOwner is who logged in last, or what else is known of a phone.
func phoneOwner(p *api.Phone) string {
	name := p.Name
	switch {
	case name == "" && p.Email == "":
		name = "a user who is no more"
	case name == "":
		name = p.Email
	case p.Email != "":
		name += " <" + p.Email + ">"
	}
	if p.Phone != "" {
		name += ", " + p.Phone
	}
	return name
}

// synced says when, and with which device.
func synced(p *api.Phone, names deviceNames) string {
	switch {
	case p.LastSync == "":
		return "never"
	case p.Device == "":
		return localText(p.LastSync)
	}
	return localText(p.LastSync) + " with " + names.of(p.Device)
}

const phoneClockWords = 2 * time.Minute // clocks that differ by less are told as right

func phoneState(p *api.Phone, approval bool) string {
	state := "let in"
	switch {
	case p.Revoked:
		state = "shut out"
	case approval && !p.Approved:
		state = "waits for approval"
	}
	if off := time.Duration(p.Clock) * time.Millisecond; off.Abs() > phoneClockWords {
		state += fmt.Sprintf("; its clock is %s %s ours", spanWords(off.Abs()), map[bool]string{true: "ahead of", false: "behind"}[off > 0])
	}
	if f := p.FailedPush; f != nil {
		state += fmt.Sprintf("; what it sent at %s was not taken: %s", localText(f.Time), printable(f.Why))
	}
	return state
}

// spanWords is how long something is, to the minute; of days, to the day.
func spanWords(d time.Duration) string {
	const day = 24 * time.Hour
	minutes := uint64(d.Round(time.Minute) / time.Minute)
	hours, rest := minutes/60, minutes%60
	switch {
	case d >= 2*day:
		return count(uint64(d.Round(day)/day), "day", "days")
	case hours == 0:
		return count(rest, "minute", "minutes")
	case rest == 0:
		return count(hours, "hour", "hours")
	}
	return count(hours, "hour", "hours") + " " + count(rest, "minute", "minutes")
}
