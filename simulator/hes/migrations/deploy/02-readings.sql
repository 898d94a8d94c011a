-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:02-readings to pg

BEGIN;

-- value = original_value * 10 ^ scaling_factor, where both are known.
-- quality: 192 good, 216 good by manual override (as in OPC DA); 128 estimated, 96 entered by hand, 64 invalid.
CREATE TABLE public.meter_readings (
    meter_id              uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    timestamp             timestamptz NOT NULL,
    reading_type          varchar(50) NOT NULL,
    value                 double precision,
    quality               integer NOT NULL DEFAULT 192 CHECK (quality BETWEEN 0 AND 255),
    unit                  varchar(20),
    created_at            timestamptz NOT NULL DEFAULT now(),
    source                varchar(20) NOT NULL DEFAULT 'NORMAL_READ'
                          CHECK (source IN ('NORMAL_READ', 'AUTO_READ', 'MANUAL_READ', 'ESTIMATED', 'CALCULATED', 'HES_SIMULATOR')),
    capture_period        integer CHECK (capture_period >= 0),                       -- seconds
    validation_status     varchar(20) NOT NULL DEFAULT 'VALID'
                          CHECK (validation_status IN ('UNVALIDATED', 'VALID', 'INVALID', 'ESTIMATED', 'MANUALLY_VALIDATED')),
    validation_flags      integer[] NOT NULL DEFAULT '{}'::integer[],                -- hes.validation_flags
    communication_status  varchar(20) NOT NULL DEFAULT 'SUCCESS'
                          CHECK (communication_status IN ('SUCCESS', 'TIMEOUT', 'ERROR', 'PARTIAL')),
    retry_count           integer NOT NULL DEFAULT 0 CHECK (retry_count >= 0),
    original_value        double precision,
    scaling_factor        integer,
    meter_program_id      varchar(50),
    channel_id            varchar(20),                                               -- the OBIS code
    inserted_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, reading_type, timestamp)
);
CREATE INDEX meter_readings_timestamp ON public.meter_readings (timestamp DESC);
CREATE INDEX meter_readings_validation_status ON public.meter_readings (validation_status, timestamp)
    WHERE validation_status <> 'VALID';

-- What the numbers in validation_flags mean.
CREATE TABLE hes.validation_flags (
    flag        integer PRIMARY KEY,
    meaning     text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO hes.validation_flags (flag, meaning) VALUES
    (1, 'low quality'), (2, 'estimated'), (3, 'gap before'), (4, 'clock invalid'), (5, 'out of range'),
    (6, 'negative delta'), (7, 'obtained after retry'), (8, 'duplicate'), (9, 'late'), (10, 'spike');

CREATE TABLE hes.power_readings (
    LIKE public.meter_readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    obis_code_id  integer REFERENCES hes.obis_codes,
    phase         varchar(5) NOT NULL DEFAULT 'TOTAL' CHECK (phase IN ('TOTAL', 'R', 'Y', 'B')),
    CHECK (reading_type ~ '^(ACTIVE|REACTIVE|APPARENT)_POWER_(IMPORT|EXPORT)(_[RYB])?$'),
    FOREIGN KEY (meter_id) REFERENCES public.meters ON DELETE CASCADE,
    PRIMARY KEY (meter_id, reading_type, timestamp)
);
CREATE INDEX power_readings_timestamp ON hes.power_readings (timestamp DESC);
CREATE INDEX power_readings_obis_code ON hes.power_readings (obis_code_id);

CREATE TABLE hes.energy_measurements (
    LIKE public.meter_readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    obis_code_id      integer REFERENCES hes.obis_codes,
    measurement_type  varchar(20) NOT NULL DEFAULT 'CUMULATIVE' CHECK (measurement_type IN ('CUMULATIVE', 'INTERVAL')),
    FOREIGN KEY (meter_id) REFERENCES public.meters ON DELETE CASCADE,
    PRIMARY KEY (meter_id, reading_type, measurement_type, timestamp)
);
CREATE INDEX energy_measurements_timestamp ON hes.energy_measurements (timestamp DESC);
CREATE INDEX energy_measurements_obis_code ON hes.energy_measurements (obis_code_id);

CREATE TABLE hes.voltage_measurements (
    LIKE public.meter_readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    obis_code_id  integer REFERENCES hes.obis_codes,
    phase         varchar(1) NOT NULL CHECK (phase IN ('R', 'Y', 'B')),
    FOREIGN KEY (meter_id) REFERENCES public.meters ON DELETE CASCADE,
    PRIMARY KEY (meter_id, phase, timestamp)
);
CREATE INDEX voltage_measurements_timestamp ON hes.voltage_measurements (timestamp DESC);
CREATE INDEX voltage_measurements_obis_code ON hes.voltage_measurements (obis_code_id);

CREATE TABLE hes.current_measurements (
    LIKE public.meter_readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    obis_code_id  integer REFERENCES hes.obis_codes,
    phase         varchar(1) NOT NULL CHECK (phase IN ('R', 'Y', 'B', 'N')),
    FOREIGN KEY (meter_id) REFERENCES public.meters ON DELETE CASCADE,
    PRIMARY KEY (meter_id, phase, timestamp)
);
CREATE INDEX current_measurements_timestamp ON hes.current_measurements (timestamp DESC);
CREATE INDEX current_measurements_obis_code ON hes.current_measurements (obis_code_id);

INSERT INTO hes.schema_version (version) VALUES (2);

COMMIT;
