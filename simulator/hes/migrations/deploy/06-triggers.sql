-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:06-triggers to pg

BEGIN;

-- Quality below good is not validated, whatever the writer claims; 216, a validation by hand, is left alone.
CREATE FUNCTION hes.check_and_update_validation_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.quality < 192 THEN
        NEW.validation_status := 'UNVALIDATED';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION hes.update_modified_timestamp() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.created_at := CURRENT_TIMESTAMP; RETURN NEW; END $$;

CREATE TABLE hes.meter_readings_audit (
    audit_id               serial PRIMARY KEY,
    operation              char(1) NOT NULL CHECK (operation IN ('I', 'U', 'D')),
    modified_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    modified_by            text DEFAULT coalesce(nullif(current_setting('hes.actor', true), ''), session_user::text),
    meter_id               uuid NOT NULL,
    timestamp              timestamptz NOT NULL,
    reading_type           varchar(50) NOT NULL,
    old_value              double precision,
    new_value              double precision,
    old_quality            integer,
    new_quality            integer,
    old_validation_status  varchar(20),
    new_validation_status  varchar(20)
);
CREATE INDEX meter_readings_audit_reading ON hes.meter_readings_audit (meter_id, timestamp);
CREATE INDEX meter_readings_audit_timestamp ON hes.meter_readings_audit (timestamp);
CREATE INDEX meter_readings_audit_modified_at ON hes.meter_readings_audit (modified_at);

CREATE FUNCTION hes.process_meter_readings_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO hes.meter_readings_audit (operation, meter_id, timestamp, reading_type, new_value, new_quality,
                                              new_validation_status)
        VALUES ('I', NEW.meter_id, NEW.timestamp, NEW.reading_type, NEW.value, NEW.quality, NEW.validation_status);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO hes.meter_readings_audit (operation, meter_id, timestamp, reading_type, old_value, new_value,
                                              old_quality, new_quality, old_validation_status, new_validation_status)
        VALUES ('U', NEW.meter_id, NEW.timestamp, NEW.reading_type, OLD.value, NEW.value, OLD.quality, NEW.quality,
                OLD.validation_status, NEW.validation_status);
    ELSE
        INSERT INTO hes.meter_readings_audit (operation, meter_id, timestamp, reading_type, old_value, old_quality,
                                              old_validation_status)
        VALUES ('D', OLD.meter_id, OLD.timestamp, OLD.reading_type, OLD.value, OLD.quality, OLD.validation_status);
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE relation regclass; short text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['public.meter_readings', 'hes.power_readings', 'hes.energy_measurements',
                                    'hes.voltage_measurements', 'hes.current_measurements', 'hes.instant_profile',
                                    'hes.block_load_profile', 'hes.daily_load_profile', 'hes.billing_profile']::regclass[]
    LOOP
        short := (SELECT relname FROM pg_class WHERE oid = relation);
        EXECUTE format('CREATE TRIGGER update_%s_timestamp BEFORE UPDATE ON %s '
                       'FOR EACH ROW EXECUTE FUNCTION hes.update_modified_timestamp()', short, relation);
        IF short NOT LIKE '%profile' THEN
            EXECUTE format('CREATE TRIGGER check_%s_validation BEFORE INSERT OR UPDATE ON %s '
                           'FOR EACH ROW EXECUTE FUNCTION hes.check_and_update_validation_status()', short, relation);
        END IF;
    END LOOP;
END $$;
CREATE TRIGGER meter_readings_audit_trigger AFTER INSERT OR UPDATE OR DELETE ON public.meter_readings
    FOR EACH ROW EXECUTE FUNCTION hes.process_meter_readings_audit();

INSERT INTO hes.schema_version (version) VALUES (6);

COMMIT;
