package apptest

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Day is what somebody enters on a phone in a clinic: rows as the screens of the app
// make them, of which each names others that are there. Ids, names and measures follow
// from the phone's seed.
type Day struct {
	Phone *Phone
	// StepMs is by how much the phone's clock moves with every entry.
	StepMs int64

	// What the phone has from its hub.
	ClinicID, UserID, UserName string
	AttributeID                string // of a field of the registration form that is no column: the size of the household
	FormID                     string // of events
	FieldIDs                   []string
	DrugIDs                    []string
	BatchID                    string
	Departments                []Department
}

// A Department is one of an appointment.
type Department struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	SeenAt *string `json:"seen_at"` // as 2026-03-01T08:00:00.000Z
	SeenBy *string `json:"seen_by"`
	Status string  `json:"status"`
}

// A Field is one of a form that was filled in.
type Field struct {
	FieldID   string `json:"fieldId"`
	Name      string `json:"name"`
	FieldType string `json:"fieldType"`
	InputType string `json:"inputType"`
	Value     any    `json:"value"`
}

// NewDay is a day of a clinic that is made up: nobody has its clinic, user, forms and
// drugs. Its fields can be set to what a hub has.
func NewDay(p *Phone) *Day {
	d := &Day{Phone: p, ClinicID: p.NewID(), UserID: p.NewID(), UserName: "Amina K.", AttributeID: p.NewID(),
		FormID: p.NewID(), BatchID: p.NewID()}
	for range 3 {
		d.FieldIDs, d.DrugIDs = append(d.FieldIDs, p.NewID()), append(d.DrugIDs, p.NewID())
	}
	for _, name := range []string{"Triage", "Doctor", "Pharmacy"} {
		d.Departments = append(d.Departments, Department{ID: p.NewID(), Name: name, Status: "pending"})
	}
	return d
}

// On is the same clinic on another phone.
func (d *Day) On(p *Phone) *Day {
	other := *d
	other.Phone = p
	return &other
}

func (d *Day) step() { d.Phone.Now += d.StepMs }

func (d *Day) nowText() string {
	return time.UnixMilli(d.Phone.Now).UTC().Format("2006-01-02T15:04:05.000Z")
}

func (d *Day) create(table string, columns Columns) string {
	d.step()
	return d.Phone.Create(table, columns)
}

// below is a number from 0 on, by the phone's seed.
func (d *Day) below(n int) int { return d.Phone.random.IntN(n) }

func (d *Day) pick(from []string) string { return from[d.below(len(from))] }

// measure is a number from least on with one decimal.
func (d *Day) measure(least, spread float64) float64 {
	return math.Round(10*(least+spread*d.Phone.random.Float64())) / 10
}

// What people are called, as they write it.
var (
	womensNames = []string{"فاطمة", "مريم", "عائشة", "زينب", "রহিমা", "আয়েশা", "নূর জাহান", "Senuwara", "Fátima", "Xədicə"}
	mensNames   = []string{"محمد", "أحمد", "يوسف", "عبد الله", "রফিক", "আব্দুল করিম", "মোহাম্মদ", "Nur Kamal", "José", "Əli"}
	surnames    = []string{"الحسن", "الخطيب", "حمدان", "بيگم", "বেগম", "খাতুন", "উদ্দিন", "O’Connor", "Begum", "Məmmədov"}
	hometowns   = []string{"حلب", "دير الزور", "মংডু", "Buthidaung", ""}
	complaints  = []string{"حرارة منذ ثلاثة أيام", "জ্বর ও কাশি", "Fever for 3 days, \"very tired\"", "ألم في البطن\nبعد الأكل"}
)

// RegisterPatient registers somebody, with the one field that is no column.
func (d *Day) RegisterPatient() (patient string) {
	sex, given := "female", d.pick(womensNames)
	if d.below(2) == 0 {
		sex, given = "male", d.pick(mensNames)
	}
	born := fmt.Sprintf("%04d-%02d-%02d", 1940+d.below(85), 1+d.below(12), 1+d.below(28))
	return d.Register(given, d.pick(surnames), born, sex)
}

// Register registers a patient; born is as 1994-02-01.
func (d *Day) Register(given, surname, born, sex string) (patient string) {
	patient = d.create("patients", Columns{
		"given_name": given, "surname": surname, "date_of_birth": born, "sex": sex, "camp": "4", "hometown": d.pick(hometowns),
		"phone": fmt.Sprintf("01%08d", d.below(1e8)), "photo_url": "", "additional_data": Columns{},
		"primary_clinic_id": d.ClinicID, "last_modified_by": d.UserID,
	})
	d.Phone.Create("patient_additional_attributes", Columns{
		"patient_id": patient, "attribute_id": d.AttributeID, "attribute": "household_size",
		"number_value": 1 + d.below(12), "metadata": Columns{},
	})
	return patient
}

// Visit is a patient who comes in.
func (d *Day) Visit(patient string) (visit string) {
	return d.create("visits", Columns{
		"patient_id": patient, "clinic_id": d.ClinicID, "provider_id": d.UserID, "provider_name": d.UserName,
		"check_in_timestamp": d.Phone.Now, "metadata": Columns{},
	})
}

// Event fills in a form at a visit. Without fields it is about what brings the patient, how
// urgent that is, and a diagnosis.
func (d *Day) Event(patient, visit string, fields ...Field) (event string) {
	if len(fields) == 0 {
		fields = []Field{
			{d.FieldIDs[0], "Chief complaint", "free-text", "text", d.pick(complaints)},
			{d.FieldIDs[1], "Temperature", "free-text", "number", d.measure(36, 4)},
			{d.FieldIDs[2], "Diagnosis", "diagnosis", "select", []Columns{{"code": "J18.9", "desc": "Pneumonia, unspecified organism"}}},
		}
	}
	event = d.create("events", Columns{
		"patient_id": patient, "visit_id": visit, "form_id": d.FormID, "event_type": "Triage", "form_data": fields,
		"metadata": Columns{"providerId": d.UserID, "providerName": d.UserName}, "recorded_by_user_id": d.UserID,
	})
	d.Phone.Edit("visits", visit, Columns{"metadata": Columns{"lastEventAddedTimestamp": d.nowText()}})
	return event
}

// Vitals measures a patient.
func (d *Day) Vitals(patient, visit string) (vitals string) {
	height, weight := d.measure(80, 110), d.measure(9, 90)
	return d.create("patient_vitals", Columns{
		"patient_id": patient, "visit_id": visit, "timestamp": d.Phone.Now, "systolic_bp": 90 + d.below(70),
		"diastolic_bp": 50 + d.below(50), "bp_position": "sitting", "height_cm": height, "weight_kg": weight,
		"bmi": math.Round(weight/(height*height/1e4)*10) / 10, "heart_rate": 55 + d.below(80),
		"oxygen_saturation": d.measure(88, 12), "temperature_celsius": d.measure(36, 4), "pain_level": d.below(11),
		"recorded_by_user_id": d.UserID, "metadata": Columns{},
	})
}

// Problem notes a diagnosis.
func (d *Day) Problem(patient, visit string) (problem string) {
	const threeMonthsMs = 90 * 24 * 3600 * 1000
	return d.create("patient_problems", Columns{
		"patient_id": patient, "visit_id": visit, "problem_code_system": "icd10", "problem_code": "I10",
		"problem_label": "Essential (primary) hypertension", "clinical_status": "active", "verification_status": "provisional",
		"severity_score": 1 + d.below(10), "onset_date": d.Phone.Now - threeMonthsMs, "recorded_by_user_id": d.UserID,
		"metadata": Columns{},
	})
}

// Prescribe prescribes drugs, the first one if none is said, with an item for each.
func (d *Day) Prescribe(patient, visit string, drugs ...string) (prescription string, items []string) {
	const thirtyDaysMs = 30 * 24 * 3600 * 1000
	if len(drugs) == 0 {
		drugs = d.DrugIDs[:1]
	}
	prescription = d.create("prescriptions", Columns{
		"patient_id": patient, "provider_id": d.UserID, "pickup_clinic_id": d.ClinicID, "visit_id": visit, "priority": "normal",
		"status": "pending", "prescribed_at": d.Phone.Now, "expiration_date": d.Phone.Now + thirtyDaysMs,
		// The app writes this one twice over: a text of JSON that holds a text of JSON. Of
		// items it writes nothing.
		"metadata": Stringify(Stringify(Columns{"providerId": d.UserID, "providerName": d.UserName})),
	})
	for _, drug := range drugs {
		items = append(items, d.Phone.Create("prescription_items", Columns{
			"prescription_id": prescription, "patient_id": patient, "drug_id": drug, "clinic_id": d.ClinicID,
			"dosage_instructions": "1 × 3, بعد الطعام", "quantity_prescribed": 10 + d.below(20), "item_status": "active",
			"recorded_by_user_id": d.UserID, "metadata": Columns{},
		}))
	}
	return prescription, items
}

// Dispense gives out what an item of a prescription says, and takes it from the stock if
// the phone has that.
func (d *Day) Dispense(item string, quantity int) (dispensing string) {
	row := d.Phone.Row("prescription_items", item)
	dispensing = d.create("dispensing_records", Columns{
		"clinic_id": row.Text("clinic_id"), "drug_id": row.Text("drug_id"), "batch_id": d.BatchID, "prescription_item_id": item,
		"patient_id": row.Text("patient_id"), "quantity_dispensed": quantity, "dispensed_by": d.UserID,
		"dispensed_at": d.Phone.Now, "metadata": Columns{},
	})
	given := min(row.Number("quantity_dispensed")+float64(quantity), row.Number("quantity_prescribed"))
	d.Phone.Edit("prescription_items", item, Columns{"quantity_dispensed": given})
	for _, stock := range d.Phone.Visible("clinic_inventory") {
		if stock["clinic_id"] == row["clinic_id"] && stock["drug_id"] == row["drug_id"] && stock["batch_id"] == d.BatchID {
			left := stock.Number("quantity_available") - float64(quantity)
			d.Phone.Edit("clinic_inventory", stock.Text("id"), Columns{"quantity_available": left})
		}
	}
	return dispensing
}

// Appointment books the patient into departments, all of the clinic if none is said. With
// it the app edits the patient.
func (d *Day) Appointment(patient, visit string, departments ...Department) (appointment string) {
	if len(departments) == 0 {
		departments = d.Departments
	}
	appointment = d.create("appointments", Columns{
		"provider_id": "", "clinic_id": d.ClinicID, "patient_id": patient, "user_id": d.UserID, "current_visit_id": visit,
		"timestamp": d.Phone.Now, "duration": 15, "reason": "doctor-visit", "departments": departments, "status": "pending",
		"metadata": Columns{},
	})
	d.Phone.Edit("patients", patient, Columns{"metadata": Columns{"lastAppointmentTimestamp": d.nowText()}})
	return appointment
}

// SetDepartment sets how far a patient is in one department of an appointment; the others
// stay as the phone has them. Status is checked_in, in_progress, completed or cancelled.
func (d *Day) SetDepartment(appointment, department, status string) {
	departments := DepartmentsOf(d.Phone.Row("appointments", appointment))
	i := slices.IndexFunc(departments, func(x Department) bool { return x.ID == department })
	if i < 0 {
		panic("the appointment has no department " + department)
	}
	d.step()
	departments[i].Status = status
	switch now, user := d.nowText(), d.UserID; status {
	case "in_progress":
		departments[i].SeenAt = &now
	case "completed":
		departments[i].SeenBy = &user
	}
	d.Phone.Edit("appointments", appointment, Columns{"departments": departments, "provider_id": d.UserID})
}

// Patients runs some through the whole clinic.
func (d *Day) Patients(n int) (patients []string) {
	for range n {
		patient := d.RegisterPatient()
		visit := d.Visit(patient)
		d.Event(patient, visit)
		d.Vitals(patient, visit)
		d.Problem(patient, visit)
		_, items := d.Prescribe(patient, visit, d.DrugIDs[:2]...)
		d.Dispense(items[0], 5)
		d.Appointment(patient, visit)
		patients = append(patients, patient)
	}
	return patients
}
